# An application for the tests: curl and env, and nothing else.
FROM scratch
COPY root/ /
ENV PATH=/usr/bin
