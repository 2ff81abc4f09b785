"""The database: transactions, migrations, the functions and tables that every service has."""
