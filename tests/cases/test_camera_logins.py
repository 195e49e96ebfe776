"""Logins of RTSP cameras: passwords of any character, methods that are not known, wrong passwords.

One site watches all cameras at once, so that the waiting is shared.
"""

import contextlib
import datetime

import pytest
from rtsp_camera import Login, RtspCamera, access_units, film
from running_site import RunningSite
from toy import QUICK

# How it stands in the URL, where that is not the password itself.
PASSWORDS = {"number-sign": "pa#ss", "slash": "a/b", "question": "w?x", "at": "p@ss",
             "colon": "a:b", "percent": "100%sure", "blank": "a b", "umlaut": "müßig",
             "several": "#1/2?3@4", "quote": 'x"y', "backslash": "c\\d", "brackets": "[e]",
             "plus": "f+g&h=i"}
WRITTEN = {"escaped": ("p@s#", "p%40s%23"), "escaped-percent": ("50%25", "50%2525")}


class Site:
    """One site over all the cameras below; what it saw of them."""

    def __init__(self, folder):
        units = access_units(film("h264", folder))
        self.cameras, entries = {}, []

        def add(name, login, written):
            self.cameras[name] = RtspCamera(units, login=login)
            entries.append((name, written))

        for i, (name, password) in enumerate(PASSWORDS.items()):
            add(name, Login("basic" if i % 2 else "digest", "admin", password),
                f"admin:{password}@")
        for name, (password, written) in WRITTEN.items():
            add(name, Login("digest", "admin", password), f"admin:{written}@")
        add("wrong", Login("digest", "admin", "secret"), "admin:nope@")
        add("wrong-basic", Login("basic", "admin", "secret"), "admin:nope@")
        add("unasked", Login("digest", "admin", "secret"), "")
        add("sha-256", Login("digest-sha256", "admin", "secret"), "admin:secret@")
        with contextlib.ExitStack() as stack:
            for camera in self.cameras.values():
                stack.enter_context(camera)
            configured = [{"name": name, "fps_max": 2, "retry_max_ms": 1000,
                           "url": self.cameras[name].url("/1").replace("//", f"//{login}")}
                          for name, login in entries]
            site = stack.enter_context(RunningSite(folder / "site", configured, arguments=QUICK))
            playing = [*PASSWORDS, *WRITTEN]
            site.wait_until(lambda: all(site.status(name)["analysed"] for name in playing),
                            "a frame of each")
            # By then the others have been tried again, where they are tried again soon.
            site.wait_until(lambda: site.status("unasked")["attempts"] > 3, "its attempts")
            self.status, self.log = site.cameras(), site.log
            self.text = self.log + str(self.status) + str(site.get("/api/v1/config"))
            # A changed entry is tried at once.
            right = self.cameras["wrong"].url("/1").replace("//", "//admin:secret@")
            site.patch("wrong", url=right)
            site.wait_for_frames("wrong", 1)


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    return Site(tmp_path_factory.mktemp("logins"))


@pytest.mark.parametrize("name", [*PASSWORDS, *WRITTEN])
def test_a_password_of_any_character_plays_and_does_not_show(seen, name):
    assert seen.status[name]["state"] == "running", seen.status[name]
    assert "admin:***@127.0.0.1:" in seen.status[name]["url"]
    shown = PASSWORDS.get(name, "p%40s%23")
    assert f"admin:{shown}" not in seen.text and shown + "@127" not in seen.text


@pytest.mark.parametrize("name", ["wrong", "wrong-basic"])
def test_a_wrong_password_is_tried_once_in_minutes_and_said(seen, name):
    assert seen.cameras[name].login.tries[0] is False
    assert seen.cameras[name].login.tries.count(False) == 1
    status = seen.status[name]
    assert status["state"] == "waiting", status
    assert "the camera refuses this user or password (401)" in status["error"]
    wait = (datetime.datetime.fromisoformat(status["retry_at"].replace("Z", "+00:00")) -
            datetime.datetime.now(datetime.timezone.utc))
    assert wait.total_seconds() > 60


def test_a_camera_that_asks_where_no_login_is_given_says_so(seen):
    assert "asks for a user and a password (401)" in seen.status["unasked"]["error"]


def test_a_method_that_is_not_known_is_named(seen):
    assert "Digest with SHA-256" in seen.status["sha-256"]["error"]
    assert seen.cameras["sha-256"].login.tries == []
