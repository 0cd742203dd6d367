"""What the syntax around a cursor says. Pure: no disk but grammar data at load, no clock, no logging, no await."""
