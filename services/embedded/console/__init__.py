"""The console: how everything stands, dead letters, the API to try, and what each error means.

It is served beside the APIs by whatever runs all services in one process. Every byte of it lies in
this folder, and a page may load nothing from elsewhere.
"""
