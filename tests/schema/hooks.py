"""Who asks: one person for most calls, somebody new where the call may end who they are."""

import itertools
import os
import uuid

import requests
import schemathesis

SERVER = os.environ["SERVER"]
# That of the description's examples, so that they succeed.
PASSWORD = "correct horse battery staple"
# Calls after which a token, or the whole account, counts no more.
ENDS = {
    ("POST", "/api/auth/logout"),
    ("POST", "/api/auth/logout-everywhere"),
    ("PUT", "/api/users/me/password"),
    ("DELETE", "/api/users/me"),
}
numbers = itertools.count(1)


def register(email):
    body = {"name": f"Person {next(numbers)}", "email": email, "password": PASSWORD}
    answer = requests.post(f"{SERVER}/api/auth/register", json=body, timeout=30)
    answer.raise_for_status()
    return answer.json()["data"]


def call(token, path, body):
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.post(f"{SERVER}{path}", json=body, headers=headers, timeout=30)
    answer.raise_for_status()


def settle():
    """The world of the examples: Ana is 1, Ben is 2, and Ana's conversations are 1 to 7."""
    ana = register("ana@example.org")
    for number in range(1, 8):
        other = register(f"other{number}@example.org")
        pair = {"type": "direct", "participant_ids": [other["user"]["id"]]}
        call(ana["token"], "/api/conversations", pair)
        message = {"conversation_id": number, "content": "hi"}
        call(other["token"], "/api/messages/send", message)
    return ana["token"]


TOKEN = settle()


@schemathesis.auth(refresh_interval=None)
class Bearer:
    def get(self, case, context):
        if (case.method.upper(), case.operation.path) in ENDS:
            return register(f"{uuid.uuid4().hex}@example.org")["token"]
        return TOKEN

    def set(self, case, data, context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {data}"
