"""Calls of gRPC through a proxy, one line of outcome for each. The argument is the proxy's program."""

import concurrent.futures
import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import grpc

MIB = 1 << 20
GIB = int(os.environ.get("GRPC_MIB", "1024"))  # MiB of the largest stream

CONFIG = """
admin: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {admin}}}}}}}
static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: in
          http_protocol_options: {{enable_trailers: true}}
          access_log:
          - name: log
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
              path: {log}
              log_format: {{text_format_source: {{inline_string: "%REQ(:PATH)% %PROTOCOL% %RESPONSE_CODE% %RESPONSE_FLAGS% %GRPC_STATUS% %UPSTREAM_PROTOCOL%\\n"}}}}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: {{path: /t.S/Limited}}
                route: {{cluster: app, timeout: 0.4s}}
              - match: {{path: /t.S/Deadline}}
                route: {{cluster: app, timeout: 0s, max_stream_duration: {{grpc_timeout_header_max: 5s, grpc_timeout_header_offset: 0.5s}}}}
              - match: {{path: /t.S/Nobody}}
                route: {{cluster: nobody}}
              - match: {{prefix: /}}
                route: {{cluster: app, timeout: 0s}}
          http_filters:
          - name: router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
  clusters:
  - name: app
    type: STATIC
    health_checks: [{{timeout: 1s, interval: 5s, unhealthy_threshold: 1, healthy_threshold: 1, grpc_health_check: {{service_name: t.S}}}}]
    typed_extension_protocol_options: &http2
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {{http2_protocol_options: {{}}}}
    load_assignment:
      cluster_name: app
      endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {app}}}}}}}}}]}}]
  - name: nobody
    type: STATIC
    typed_extension_protocol_options: *http2
    load_assignment: {{cluster_name: nobody}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Service(grpc.GenericRpcHandler):
    """Messages are bytes as they are."""

    def __init__(self):
        self.cancelled = threading.Event()

    def service(self, details):
        name = details.method.rsplit("/", 1)[-1]
        unary, streaming = grpc.unary_unary_rpc_method_handler, grpc.stream_stream_rpc_method_handler
        handlers = {
            "Check": unary(lambda request, context: b"\x08\x01"),
            "Unary": unary(self.unary),
            "Abort": unary(lambda request, context: context.abort(grpc.StatusCode.NOT_FOUND, "no \u00fcber thing")),
            "Raise": unary(self.fail),
            "Limited": unary(self.slow),
            "Deadline": unary(self.slow),
            "Hang": unary(self.hang),
            "Upload": grpc.stream_unary_rpc_method_handler(self.upload),
            "Download": grpc.unary_stream_rpc_method_handler(self.download),
            "Cut": grpc.unary_stream_rpc_method_handler(self.cut),
            "Echo": streaming(self.echo),
        }
        return handlers.get(name)

    def unary(self, request, context):
        metadata = dict(context.invocation_metadata())
        context.send_initial_metadata((("x-initial", metadata.get("x-meta", "")),))
        context.set_trailing_metadata((("x-trailing", "t"), ("x-raw-bin", b"\x00\xff")))
        return request[::-1]

    def fail(self, request, context):
        raise ValueError("broken")

    def slow(self, request, context):
        time.sleep(1.5)
        return b"late"

    def hang(self, request, context):
        context.add_callback(self.cancelled.set)
        self.cancelled.wait(10)
        return b""

    def upload(self, requests, context):
        return str(sum(len(request) for request in requests)).encode()

    def download(self, request, context):
        piece = b"d" * MIB
        for _ in range(int(request)):
            yield piece

    def cut(self, request, context):
        yield b"one"
        context.abort(grpc.StatusCode.DATA_LOSS, "cut")

    def echo(self, requests, context):
        for request in requests:
            yield request


def outcome(name, call):
    try:
        print(f"{name}: {call()}", flush=True)
    except grpc.RpcError as error:
        print(f"{name}: {error.code().name} {error.details()!r}", flush=True)


def main():
    program = sys.argv[1]
    port, admin, app = free_port(), free_port(), free_port()
    service = Service()
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(16), [service], options=options)
    server.add_insecure_port(f"127.0.0.1:{app}")
    server.start()
    folder = tempfile.mkdtemp()
    config, log = os.path.join(folder, "envoy.yaml"), os.path.join(folder, "access.log")
    with open(config, "w") as file:
        file.write(CONFIG.format(port=port, admin=admin, app=app, log=log))
    # Envoy tells this file to others by its base id; none is needed here.
    arguments = [program, "-c", config, "--concurrency", "1"]
    if "envoy" in os.path.basename(program):
        arguments.append("--disable-hot-restart")
    with open(os.path.join(folder, "proxy.log"), "wb") as noise:
        proxy = subprocess.Popen(arguments, stdout=noise, stderr=noise)
    try:
        wait_for(port)
        calls(f"127.0.0.1:{port}", port, service)
        stats(admin)
        status = open(f"/proc/{proxy.pid}/status").read().splitlines()
        print("memory:", next(line for line in status if line.startswith("VmHWM")), file=sys.stderr)
    finally:
        proxy.send_signal(signal.SIGTERM)
        proxy.wait(20)
        server.stop(0)
    for line in sorted(open(log).read().splitlines()):
        print("log:", line)


def wait_for(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit("the proxy does not listen")


def calls(target, port, service):
    channel = grpc.insecure_channel(target, options=[("grpc.max_receive_message_length", -1)])
    unary = lambda name: channel.unary_unary(f"/t.S/{name}")
    outcome("unary", lambda: unary("Unary")(b"abc", timeout=10))

    def metadata():
        response, call = unary("Unary").with_call(b"x", timeout=10, metadata=(("x-meta", "m"),))
        initial = dict(call.initial_metadata())
        return response, initial.get("x-initial"), sorted(call.trailing_metadata())

    outcome("metadata", metadata)
    outcome("large message", lambda: len(unary("Unary")(b"m" * (3 * MIB), timeout=20)))
    outcome("empty message", lambda: unary("Unary")(b"", timeout=10))
    outcome("abort", lambda: unary("Abort")(b"", timeout=10))
    outcome("exception", lambda: unary("Raise")(b"", timeout=10))
    outcome("unknown method", lambda: unary("Missing")(b"", timeout=10))
    outcome("no host", lambda: unary("Nobody")(b"", timeout=10))
    outcome("route timeout", lambda: unary("Limited")(b"", timeout=10))
    # Proxy and server, which has the same time, are both earlier than the client; one of them answers.
    outcome("deadline", lambda: unary("Deadline").future(b"", timeout=1).code().name)

    upload = channel.stream_unary("/t.S/Upload")
    outcome("client streaming", lambda: upload(iter([b"abc"] * 1000), timeout=20))
    download = channel.unary_stream("/t.S/Download")
    outcome("server streaming", lambda: sum(map(len, download(b"5", timeout=20))))
    outcome("cut stream", lambda: list(channel.unary_stream("/t.S/Cut")(b"", timeout=10)))
    echo = channel.stream_stream("/t.S/Echo")
    outcome("two-way streaming", lambda: list(echo(iter([b"1", b"", b"333"]), timeout=10)))

    def ping_pong():
        # Each answer is waited for before the next question is asked.
        turn, rounds = threading.Semaphore(1), 0

        def questions():
            for number in range(50):
                turn.acquire()
                yield str(number).encode()

        for number, answer in enumerate(echo(questions(), timeout=20)):
            assert answer == str(number).encode()
            rounds += 1
            turn.release()
        return rounds

    outcome("ping-pong", ping_pong)

    def many():
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            return sum(len(answer) for answer in pool.map(lambda n: unary("Unary")(b"m" * 10, timeout=20), range(500)))

    outcome("many at once", many)

    def cancel():
        future = unary("Hang").future(b"", timeout=20)
        time.sleep(0.3)
        future.cancel()
        return service.cancelled.wait(5)

    outcome("cancelled", cancel)
    outcome("a large download", lambda: sum(map(len, download(str(GIB).encode(), timeout=300))) == GIB * MIB)
    outcome("a large upload", lambda: upload((b"u" * MIB for _ in range(GIB)), timeout=300) == str(GIB * MIB).encode())
    outcome("afterwards", lambda: unary("Unary")(b"abc", timeout=10))
    channel.close()
    outcome("a client of HTTP/1", lambda: http1(port))


def http1(port):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    message = b"\0\0\0\0\x03abc"
    client.request("POST", "/t.S/Unary", message, {"content-type": "application/grpc", "te": "trailers"})
    response = client.getresponse()
    return response.status, response.getheader("content-type"), response.read()


def stats(admin):
    client = http.client.HTTPConnection("127.0.0.1", admin, timeout=10)
    client.request("GET", "/stats?filter=cluster.app.(upstream_cx_total|upstream_rq_active|upstream_rq_total|upstream_cx_http2_total|http2.streams_active|health_check.healthy)$")
    for line in client.getresponse().read().decode().splitlines():
        print("stat:", line)


main()
