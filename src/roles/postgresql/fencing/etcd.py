"""The few questions that fencing has for etcd, by its JSON gateway (etcd's API reference, v3)."""

import base64
import json
import urllib.request

ANSWER_LIMIT = 1.0


class NoMajority(Exception):
    """No vote answers, or those that do are no majority: then nothing is known."""


def encoded(text):
    return base64.b64encode(text.encode()).decode()


class Etcd:
    """`urls`: of the client ports of all votes, this host's own first."""

    def __init__(self, urls):
        self.urls = urls
        # Votes are asked directly, whatever proxy the environment names.
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask(self, path, question):
        """One vote after the other is asked; what one answers is what a majority knows, since reads are linearizable."""
        for url in self.urls:
            request = urllib.request.Request(f"{url}/v3/kv/{path}", json.dumps(question).encode(), {"Content-Type": "application/json"})
            try:
                with self.opener.open(request, timeout=ANSWER_LIMIT) as answer:
                    return json.load(answer)
            except (OSError, ValueError):
                continue
        raise NoMajority()

    def get(self, key):
        """The value of a key, or None when there is no such key."""
        found = self.ask("range", {"key": encoded(key)}).get("kvs", [])
        return base64.b64decode(found[0]["value"]).decode() if found else None

    def delete_if(self, key, value):
        """Deletes a key if it still has that value; returns whether it had."""
        return self.ask("txn", {
            "compare": [{"key": encoded(key), "target": "VALUE", "result": "EQUAL", "value": encoded(value)}],
            "success": [{"requestDeleteRange": {"key": encoded(key)}}],
        }).get("succeeded", False)
