"""One engine a file, each behind ``engine.protocol``. Only these modules import a model library."""
