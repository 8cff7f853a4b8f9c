"""The common part of the stories of the bundle: the bundle, and whether roots can be had here."""

import os
import pathlib
import shutil
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

import roots  # noqa: E402


@pytest.fixture(scope="session")
def bundle():
    """Its path: of what ./dev bundle made, or what EQP_BUNDLE names."""
    given = os.environ.get("EQP_BUNDLE")
    found = [pathlib.Path(given)] if given else sorted((roots.TREE / "build-bundle").glob("eqp-broker-*.tar.xz"))
    if len(found) != 1:
        pytest.fail(f"build-bundle has {len(found)} bundles: run ./dev bundle")
    return found[0].resolve()


@pytest.fixture(scope="session")
def namespaces():
    """Roots can be made and entered. In CI they must."""
    missing = [name for name in ("mmdebstrap", "unshare", "nsenter", "ip") if shutil.which(name) is None]
    reason = "only root can make roots" if os.geteuid() != 0 else \
        f"there is no {', '.join(missing)}; install mmdebstrap, util-linux and iproute2" if missing else None
    if reason is None:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"THE BUNDLE WAS NOT TRIED, and this is CI: {reason}")
    pytest.skip(f"THE BUNDLE WAS NOT TRIED on any other Linux: {reason}")


@pytest.fixture(scope="module", params=roots.KINDS)
def root(request, namespaces, tmp_path_factory):
    try:
        roots.base(request.param)
    except RuntimeError as error:  # old releases leave the mirrors one day
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"THE BUNDLE WAS NOT TRIED on {request.param}, {roots.KINDS[request.param]}: {error}")
    with roots.Root(request.param, tmp_path_factory.mktemp(request.param)) as root:
        yield root
