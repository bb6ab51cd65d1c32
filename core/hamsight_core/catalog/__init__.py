"""The catalog: one ClickHouse database, its tables, and the connection to them."""
