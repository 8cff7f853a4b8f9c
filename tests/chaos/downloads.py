"""Downloads: answers that are long, and known byte by byte. A giant of the simulator ends in the letter a, over and over."""

BASE = "/rest/v1/chaos/"
TEXT = "".join(f"{i:06} " for i in range(8000))  # wherever bytes are missing, it shows
LONG, PIECES = 700000, 300000  # bytes of giants, the second one without a length


def serve_downloads(simulator, upstream):
    """Files that stay there however many faults are cleared: a text, and answers that are long."""
    for path, name, parameters in (("text/", "status", {"status": 200, "body": TEXT}),
                                   ("long/", "giant", {"bytes": LONG}),
                                   ("pieces/", "giant", {"bytes": PIECES, "chunked": True})):
        simulator.fault(upstream, name, path=BASE + path, **parameters)
