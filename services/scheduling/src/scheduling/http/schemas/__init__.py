"""The schemas of requests and answers, with one module for each resource."""
