"""Runs moto_server on an open socket, file descriptor 3, without work that it
repeats needlessly.

moto parses a state machine's definition whenever an execution starts, and makes an
AWS client for every task. For each attribute of a DynamoDB item it looks for ten
kinds of value, each under all the names that it could have in Python. That takes
half of its time. Its answers stay the same.
"""

import collections
import functools
import os
import sys
import threading
from concurrent.futures import Future

import moto.server
from moto.core.serialize import ResponseSerializer
from werkzeug.serving import make_server
from werkzeug.test import run_wsgi_app


def parse_once():
    """Keep the syntax tree of a definition. Each execution gets a new program."""
    from moto.stepfunctions.parser.asl.parse import asl_parser

    parse = asl_parser.AmazonStateLanguageParser.parse
    trees = {}

    def remembered(definition):
        tree = trees.get(definition)
        if tree is None:
            # moto itself parses the first time, and reports mistakes.
            program, trees[definition] = parse(definition)
            return program, trees[definition]
        return asl_parser.Preprocessor().visit(tree), tree

    asl_parser.AmazonStateLanguageParser.parse = staticmethod(remembered)


def connect_once():
    """Keep the clients. Many threads may use one."""
    from moto.stepfunctions.parser.asl.utils import boto_client

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
    """Read an attribute's value directly: it is a dict with its only kind of value."""
    look = ResponseSerializer.get_value

    def direct(self, value, key, shape):
        if type(value) is dict and getattr(getattr(shape, "parent", None), "name", None) == "AttributeValue":
            return value.get(key)
        return look(self, value, key, shape)

    ResponseSerializer.get_value = direct


def answer_once(app):
    """Answer a repeated call with the answer to its first try. The caller lost that
    answer, and a conditional write would find what it has just written."""
    answers = collections.OrderedDict()
    lock = threading.Lock()

    def remembering(environ, start_response):
        call = environ.get("HTTP_MOTO_CALL")
        if call is None:
            return app(environ, start_response)
        with lock:
            answer = answers.get(call)
            first = answer is None
            if first:
                answer = answers[call] = Future()
                if len(answers) > 100:
                    answers.popitem(last=False)
        if first:
            try:
                answer.set_result(run_wsgi_app(app, environ, buffered=True))
            except BaseException as e:
                answer.set_exception(e)
        body, status, headers = answer.result()
        start_response(status, headers.to_wsgi_list())
        return body

    return remembering


def listen_on(fd):
    """Serve on a socket that is already open."""

    def serve(host, port, app, threaded, use_reloader, ssl_context, request_handler):
        make_server(host, port, answer_once(app), threaded=threaded, request_handler=request_handler, fd=fd).serve_forever()

    moto.server.run_simple = serve


if __name__ == "__main__":
    if "MOTO_PORT" in os.environ:  # importing the interpreter takes seconds
        parse_once()
        connect_once()
    look_once()
    listen_on(3)
    moto.server.main()
