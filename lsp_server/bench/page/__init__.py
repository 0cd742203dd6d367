"""One HTML file with charts, for people: no script, no link, no font, nothing that would be fetched."""
