"""Collects traces as an OpenTelemetry collector does: POST /v1/traces, in protobuf over HTTP.

Prints JSON, a line each: first the port that it listens on, then of each request its spans, its resource, and complaints of
what the messages of OpenTelemetry's protocol do not allow.
"""
import gzip
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status


def find_unknown(message):
    """Returns whether a message, or one in it, has fields that the protocol does not know."""
    if len(UnknownFieldSet(message)) > 0:
        return True
    values = [value for field, value in message.ListFields() if field.message_type is not None]
    return any(find_unknown(one) for value in values for one in (value if hasattr(value, '__len__') else [value]))


def read_attributes(attributes):
    return {one.key: getattr(one.value, one.value.WhichOneof('value')) for one in attributes}


def judge(span):
    if len(span.trace_id) != 16 or len(span.span_id) != 8 or len(span.parent_span_id) not in (0, 8):
        yield 'an id has another length'
    if span.name == '' or span.kind == Span.SPAN_KIND_UNSPECIFIED:
        yield 'a name or a kind is missing'
    if not 0 < span.start_time_unix_nano <= span.end_time_unix_nano:
        yield f'{span.name} ends before it starts'


def read_span(span):
    return {
        'traceId': span.trace_id.hex(),
        'spanId': span.span_id.hex(),
        'parentSpanId': span.parent_span_id.hex(),
        'name': span.name,
        'kind': Span.SpanKind.Name(span.kind),
        'status': Status.StatusCode.Name(span.status.code),
        'ms': (span.end_time_unix_nano - span.start_time_unix_nano) / 1e6,
        'attributes': read_attributes(span.attributes),
    }


class Collector(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_POST(self):
        body = self.read_body()
        complaints = [] if self.path == '/v1/traces' else [f'posted to {self.path}']
        if self.headers['content-type'] != 'application/x-protobuf':
            complaints.append(f"sent as {self.headers['content-type']}")
        if self.headers['content-encoding'] == 'gzip':
            body = gzip.decompress(body)
        request = ExportTraceServiceRequest()
        try:
            request.ParseFromString(body)
        except DecodeError as error:
            complaints.append(str(error))
        if find_unknown(request):
            complaints.append('a field is not known')
        for part in request.resource_spans:
            spans = [span for scope in part.scope_spans for span in scope.spans]
            print(
                json.dumps(
                    {
                        'resource': read_attributes(part.resource.attributes),
                        'spans': [read_span(span) for span in spans],
                        'complaints': complaints + [one for span in spans for one in judge(span)],
                        'authorization': self.headers['authorization'] or '',
                    }
                ),
                flush=True,
            )
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header('content-type', 'application/x-protobuf')
        self.send_header('content-length', str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def read_body(self):
        if self.headers['transfer-encoding'] != 'chunked':
            return self.rfile.read(int(self.headers['content-length']))
        body = b''
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(('127.0.0.1', 0), Collector)
print(json.dumps({'port': server.server_port}), flush=True)
server.serve_forever()
