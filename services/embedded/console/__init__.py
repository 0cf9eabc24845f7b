"""The console: how everything stands, dead letters, the API to try, and what each error means.

It is served beside all APIs: in the one process of embedded mode, or by `siyu console`. Every byte of it lies in
this folder, and a page may load nothing from elsewhere.
"""
