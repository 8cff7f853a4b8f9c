"""A TCP relay that makes a connection as slow as one to a far host: each direction is late by half the round
trip, and the first bytes by a whole one, for the handshake that the relay itself answers at once."""

import asyncio
import threading


class Delay:
    def __init__(self, port, round_trip_sec):
        self.target = port
        self.round_trip_sec = round_trip_sec
        self.port = None
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        async def start():
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
            self._started.set()
        self._loop.create_task(start())
        self._loop.run_forever()

    async def _pump(self, reader, writer):
        """Data that arrives now leaves half a round trip later."""
        loop = asyncio.get_running_loop()

        def pass_on(data):
            if writer.is_closing():
                return
            if data:
                writer.write(data)
            else:
                writer.close()

        while True:
            try:
                data = await reader.read(65536)
            except ConnectionError:
                data = b""
            loop.call_later(self.round_trip_sec / 2, pass_on, data)
            if not data:
                return

    async def _serve(self, reader, writer):
        await asyncio.sleep(self.round_trip_sec)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        await asyncio.sleep(self.round_trip_sec)  # still on its way

    def __enter__(self):
        self._thread.start()
        self._started.wait(10)
        return self

    def __exit__(self, *_):
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _end(self):
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
