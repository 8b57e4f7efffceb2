"""Runs moto_server on a socket that it is handed, file descriptor 3, and spares
it what it does again and again to no effect.

moto parses a state machine's definition at every start of an execution, makes a
client of AWS for every task, and looks for each of the ten kinds of value of
each attribute of a DynamoDB item under all the names that it could have in
Python. That is half of its time. What it answers stays the same.
"""

import functools
import sys
import threading

import moto.server
from moto.core.serialize import ResponseSerializer
from moto.stepfunctions.parser.asl.parse import asl_parser
from moto.stepfunctions.parser.asl.utils import boto_client
from werkzeug.serving import make_server


def parse_once():
    """Keep the syntax tree of a definition; what runs is made of it anew."""
    parse = asl_parser.AmazonStateLanguageParser.parse
    trees = {}

    def remembered(definition):
        tree = trees.get(definition)
        if tree is None:
            # The first time is moto's own, which reports what is wrong.
            program, trees[definition] = parse(definition)
            return program, trees[definition]
        return asl_parser.Preprocessor().visit(tree), tree

    asl_parser.AmazonStateLanguageParser.parse = staticmethod(remembered)


def connect_once():
    """Keep the clients; they may be used by many threads."""
    make = boto_client.boto_client_for
    lock = threading.Lock()
    clients = {}

    @functools.wraps(make)
    def remembered(region, service, state_credentials=None):
        with lock:
            if (region, service) not in clients:
                clients[region, service] = make(region, service, state_credentials)
            return clients[region, service]

    for module in list(sys.modules.values()):
        if getattr(module, "boto_client_for", None) is make:
            module.boto_client_for = remembered


def look_once():
    """An attribute's value is a dict with the one kind of value that it has."""
    look = ResponseSerializer.get_value

    def direct(self, value, key, shape):
        if type(value) is dict and getattr(getattr(shape, "parent", None), "name", None) == "AttributeValue":
            return value.get(key)
        return look(self, value, key, shape)

    ResponseSerializer.get_value = direct


def listen_on(fd):
    """Serve on a socket that is open already."""

    def serve(host, port, app, threaded, use_reloader, ssl_context, request_handler):
        make_server(host, port, app, threaded=threaded, request_handler=request_handler, fd=fd).serve_forever()

    moto.server.run_simple = serve


if __name__ == "__main__":
    parse_once()
    connect_once()
    look_once()
    listen_on(3)
    moto.server.main()
