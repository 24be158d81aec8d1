"""Addresses in requests must not become a way inside."""

import http.server
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest

from viseon.rest.fetch import Fetcher
from viseon.schema import Forbidden, Invalid, TooLarge, Unavailable


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "gopher://a/", "ftp://good.example/a", "http://", "http://user:pw@good.example/",
     "http://good.example:99999/", "not an address", "http://[::1"],
)  # fmt: skip
def test_only_plain_http_addresses_are_understood(url):
    with pytest.raises(Invalid, match="url"):
        Fetcher(["good.example"]).get(url)


@pytest.mark.parametrize(
    "host", ["evil.example", "good.example.evil.example", "example", "xgood.example"]
)
def test_hosts_that_are_not_on_the_list_are_refused(host):
    with pytest.raises(Forbidden, match="not on the list"):
        Fetcher(["good.example", "*.deep.example"]).get(f"http://{host}/a.jpg")


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "0.0.0.0", "::1",
     "fd00::1", "fe80::1%eth0", "::ffff:10.0.0.1", "100.64.0.1", "224.0.0.1", "2002:0a00:0001::1", "64:ff9b::7f00:1"],
)  # fmt: skip
def test_a_listed_name_that_leads_inside_is_refused(address):
    fetcher = Fetcher(["good.example"], resolve=lambda *_: ["93.184.216.34", address])
    with pytest.raises(Forbidden, match="inside the network"):
        fetcher.get("https://good.example/a.jpg")


@pytest.fixture
def site():
    """A web server at a private address, which the tests allow on purpose."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/moved":
                self.send_response(302)
                self.send_header("Location", "http://127.0.0.1:1/")
            else:
                self.send_response(200)
            self.end_headers()
            self.wfile.write(
                b"x" * 3_000_000 if self.path == "/big" else self.headers["Host"].encode()
            )

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_checked_address_is_the_one_that_is_asked(site):
    asked = []

    def resolve(host, port):
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    fetcher = Fetcher(["*.good.example"], private=True, resolve=resolve, max_mb=1)
    url = f"http://cdn.good.example:{site}"
    assert fetcher.get(f"{url}/a").startswith(b"cdn.good.example")
    assert asked == ["cdn.good.example"]


@pytest.mark.parametrize(("path", "error"), [("/moved", Unavailable), ("/big", TooLarge)])
def test_redirects_are_not_followed_and_size_is_bounded(site, path, error):
    fetcher = Fetcher(["good.example"], private=True, resolve=lambda *_: ["127.0.0.1"], max_mb=1)
    with pytest.raises(error):
        fetcher.get(f"http://good.example:{site}{path}")


def test_a_host_that_is_gone_is_unavailable():
    fetcher = Fetcher(
        ["good.example"], private=True, resolve=lambda *_: ["127.0.0.1"], timeout_s=0.5
    )
    with pytest.raises(Unavailable):
        fetcher.get("http://good.example:9/a.jpg")


@pytest.mark.parametrize("slow", ["headers", "body"])
def test_a_host_that_drips_is_given_up_at_the_end_of_the_time(slow):
    """Each byte comes within the timeout; all together never do."""
    listener = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def drip():
        peer, _ = listener.accept()
        with peer:
            peer.recv(65536)
            peer.sendall(b"HTTP/1.1 200 OK\r\n" + (b"X: " if slow == "headers" else b"\r\n"))
            while not done.wait(0.1):
                try:
                    peer.sendall(b"x")
                except OSError:
                    return

    thread = threading.Thread(target=drip)
    thread.start()
    fetcher = Fetcher(
        ["good.example"], private=True, resolve=lambda *_: ["127.0.0.1"], timeout_s=0.6
    )
    start = time.monotonic()
    stop = threading.Timer(5, done.set)  # so that a fetcher without an end fails, not hangs
    stop.start()
    try:
        with pytest.raises(Unavailable, match=r"within 0.6 s"):
            fetcher.get(f"http://good.example:{listener.getsockname()[1]}/a.jpg")
        assert time.monotonic() - start < 2
    finally:
        stop.cancel()
        done.set()
        thread.join()
        listener.close()


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl to make a certificate")
@pytest.mark.filterwarnings("ignore")
def test_a_certificate_must_be_vouched_for_and_name_the_host(tmp_path, monkeypatch):
    names = ["-subj", "/CN=good.example", "-addext", "subjectAltName=DNS:good.example"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *names]
    made += ["-keyout", f"{tmp_path}/key.pem", "-out", f"{tmp_path}/cert.pem", "-days", "2"]
    subprocess.run(made, check=True, capture_output=True)

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"picture")

        def log_message(self, *_):
            pass

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    server = http.server.HTTPServer(("127.0.0.1", 0), Page)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    fetcher = Fetcher(["*.example"], private=True, resolve=lambda *_: ["127.0.0.1"])
    port = server.server_address[1]
    try:
        with pytest.raises(Unavailable, match="certificate verify failed"):
            fetcher.get(f"https://good.example:{port}/a.jpg")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        assert fetcher.get(f"https://good.example:{port}/a.jpg") == b"picture"
        with pytest.raises(Unavailable, match="certificate verify failed"):
            fetcher.get(f"https://other.example:{port}/a.jpg")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
