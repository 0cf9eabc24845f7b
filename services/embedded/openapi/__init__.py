"""The contracts as files: openapi/*.json is made from the code and compared with what was there.

`python -m services.embedded.openapi` writes them, `--check` says whether they are fresh and whether
a change breaks somebody who was built on the committed ones.
"""
