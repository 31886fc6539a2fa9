"""httpx: python httpx_client.py KIND URL FILE CA"""

import ssl
import sys
import time

import httpx

kind, url, path, ca = sys.argv[1:]
options = {"verify": ssl.create_default_context(cafile=ca), "timeout": 60}
options |= {"http1": kind == "http1", "http2": kind != "http1"}
with httpx.Client(**options) as client, open(path, "rb") as file:
    client.post(url, files={"file": ("small.bin", b"small")})
    started, used = time.perf_counter(), time.process_time()
    response = client.post(url, files={"file": ("file.bin", file)})
    seconds, used = time.perf_counter() - started, time.process_time() - used
    version = "HTTP/1.1" if kind == "http1" else "HTTP/2"
    assert (response.status_code, response.http_version) == (200, version)
    print(seconds, used, int(response.text) if response.text.isdigit() else 0)
