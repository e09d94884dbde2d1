"""The same calls over TLS: a certificate of the server, users, certificates of the clients."""
import os
import subprocess

from pymilvus import MilvusClient

from steps import refused, step


def make_certificate(root):
    key, certificate = os.path.join(root, "key.pem"), os.path.join(root, "cert.pem")
    try:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,"
                        "IP:127.0.0.1", "-keyout", key, "-out", certificate], check=True,
                       capture_output=True)
    except OSError:
        return None, None
    return key, certificate


def tls(server):
    key, certificate = make_certificate(server.root)
    if not key:
        print("no openssl: TLS is left out")
        return
    files = ["--tls-cert", certificate, "--tls-key", key]
    trust = {"secure": True, "server_pem_path": certificate, "server_name": "localhost"}

    @step("TLS with users")
    def _():
        address = server.start("--auth", "--tls", "server", *files).replace("http:", "https:")
        # Refusals first, because pymilvus shares the connections of one address.
        for url, more in ((address, {"token": "root:wrong!", **trust}),
                          (address.replace("https:", "http:"), {"token": "root:Milvus"})):
            refused("Fail connecting", lambda: MilvusClient(url, timeout=3, **more))
        client = MilvusClient(address, token="root:Milvus", **trust)
        assert client.has_collection("every")
        client.close()
        server.stop()

    @step("TLS, mutual")
    def _():
        address = server.start("--tls", "mutual", *files, "--tls-client-ca", certificate)
        address = address.replace("http:", "https:")
        refused("Fail connecting", lambda: MilvusClient(address, timeout=2, **trust))
        client = MilvusClient(address, secure=True, ca_pem_path=certificate,
                              client_pem_path=certificate, client_key_path=key,
                              server_name="localhost")
        assert client.has_collection("every")
        client.close()
        server.stop()
