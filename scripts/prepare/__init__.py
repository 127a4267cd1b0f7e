"""From the official layout of a public data set to the pair tables of its benchmark records: `python scripts/prepare`.

`command` parses, `draft` keeps what all preparers share, every other module knows one data set.
"""
