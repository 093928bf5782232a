"""The web: pages and partials, the live feed, and the JSON API, over the actions and the reads."""
