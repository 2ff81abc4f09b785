"""`python -m jalsa web | worker | migrate | resume | config`, for the service that JALSA_SERVICE names.

The container images start with it, because one Dockerfile makes the image of every service.
"""

import importlib.util
import os
import sys

from jalsa.cli import main

if __name__ == "__main__":
    service = os.environ.get("JALSA_SERVICE", "")
    package = service.replace("-", "_")
    if not package.isidentifier() or importlib.util.find_spec(package) is None:
        sys.exit("JALSA_SERVICE must name a service that is installed here, such as billing.")
    main(package)
