"""An example of a framework, unchanged, against a server of our own: frameworks.py KITH EXAMPLE

What it prints is looked at.
"""
import os
import subprocess
import sys

from steps import Server, here, step, summary

wanted = {
    "langchain_store.py": ["pizza with cheese", "a hen lays eggs"],
    "llamaindex_store.py": ["pizza with cheese"],
}


def main():
    kith, script = sys.argv[1:]
    path = os.path.join(here, "..", "..", "..", "examples", "milvus", script)
    server = Server(kith)
    try:
        address = server.start()

        @step(script)
        def _():
            ran = subprocess.run([sys.executable, path, address], text=True, capture_output=True,
                                 timeout=100, check=False)
            assert ran.returncode == 0, ran.stderr[-1500:]
            assert ran.stdout.splitlines() == wanted[script], ran.stdout
        server.stop()
    finally:
        server.remove()
    return summary(script)


sys.exit(main())
