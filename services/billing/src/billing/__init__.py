"""Billing keeps the price list, invoices and payments, and whether a patient may check in as far as money goes."""
