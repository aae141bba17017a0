"""voice-api user: adds and revokes users, keys and sessions in the users' file."""

import argparse
import re
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from voice_api.command_settings import add_settings, chosen_settings
from voice_api.errors import VoiceApiError
from voice_api.settings import SettingsError

if TYPE_CHECKING:
    from voice_api.users.book import Entry

ROLES = ("viewer", "operator", "admin")
ENVIRONMENTS = ("development", "staging", "production")
ALGORITHMS = ("EdDSA", "HS256")
NAME = re.compile(r"[a-z0-9][a-z0-9@._-]{0,62}")
ISSUED = re.compile(r"(oidc|oidc-group):[A-Za-z0-9@.:_/+-]{1,200}")
"""Of an identity provider: they have sessions from there, and no keys."""
DAY_SECONDS = 24 * 3600


def add_user_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add = commands.add_parser("add", help="add a user, or another key for one, and print the key once")
    add.add_argument("name", metavar="NAME")
    add.add_argument("--role", choices=ROLES, action="append", default=[], help="what they may do at most")
    add.add_argument("--environment", choices=ENVIRONMENTS, action="append", default=[], help="where")
    add.add_argument(
        "--group",
        action="append",
        default=[],
        metavar="GROUP",
        help="group in the cluster (kvx:viewers, kvx:operators or kvx:admins, by the role)",
    )
    add.add_argument("--days", type=int, metavar="N", help="let the key end after so many days")
    add.set_defaults(act=_add)
    token = commands.add_parser("token", help="print a session of a user, for a day at most")
    token.add_argument("name", metavar="NAME")
    token.add_argument("--hours", type=int, default=24, metavar="N", help="let it end sooner (24)")
    token.set_defaults(act=_token)
    listing = commands.add_parser("list", help="list users, their roles and the ids of their keys")
    listing.set_defaults(act=_list)
    revoke = commands.add_parser("revoke", help="take back a user, or one key or all sessions of one")
    revoke.add_argument("name", metavar="NAME")
    one = revoke.add_mutually_exclusive_group()
    one.add_argument("--key", metavar="ID", help="only this key")
    one.add_argument("--session", metavar="ID", help="only this session, by the jti in it")
    one.add_argument("--sessions", action="store_true", help="only the sessions there are")
    revoke.set_defaults(act=_revoke)
    rotate = commands.add_parser("rotate", help="sign sessions with a new key from now on")
    rotate.add_argument("--algorithm", choices=ALGORITHMS, default="EdDSA")
    rotate.set_defaults(act=_rotate)
    for each in (add, token, listing, revoke, rotate):
        add_settings(each, ("users_file",))


def _add(parsed: argparse.Namespace) -> None:
    from voice_api.cluster.identity import Identity  # noqa: PLC0415
    from voice_api.users.book import Entry  # noqa: PLC0415
    from voice_api.users.file import book_or_new, changed  # noqa: PLC0415
    from voice_api.users.keys import new_key  # noqa: PLC0415

    issued = ISSUED.fullmatch(parsed.name) is not None
    if not NAME.fullmatch(parsed.name) and not issued:
        raise SettingsError(f"a user cannot be called {parsed.name[:64]!r}", "use small letters and digits")
    Identity(parsed.name, tuple(parsed.group))
    now = int(time.time())
    expires = None if parsed.days is None else now + parsed.days * DAY_SECONDS
    with changed(_file(parsed)) as write:
        book = book_or_new(_file(parsed))
        known = book.user(parsed.name) or Entry(parsed.name)
        shown, key = new_key(now, expires)
        roles = tuple(parsed.role) or known.roles or ("viewer",)
        entry = replace(
            known,
            roles=roles,
            environments=tuple(parsed.environment) or known.environments,
            # The groups that the component "impersonation" lets the voice API speak for.
            groups=tuple(parsed.group) or known.groups or tuple(f"kvx:{role}s" for role in roles),
            keys=known.keys if issued else (*known.keys, key),
        )
        write(book.with_user(entry))
    if not issued:
        sys.stdout.write(f"{shown}\n")
    how = "sessions come from the identity provider" if issued else "this key is shown only now"
    where = ", ".join(entry.environments) or "no environment: name one with --environment"
    sys.stderr.write(f"{entry.name} is {', '.join(entry.roles)} for {where}; {how}\n")


def _token(parsed: argparse.Namespace) -> None:
    from voice_api.users.file import book_or_new, changed  # noqa: PLC0415
    from voice_api.users.sessions import new_session, new_signing  # noqa: PLC0415

    now = int(time.time())
    if not 1 <= parsed.hours <= 24:
        raise SettingsError(f"a session of {parsed.hours} hours cannot be", "give 1 to 24 hours")
    if ISSUED.fullmatch(parsed.name):
        raise SettingsError(f"sessions of {parsed.name} are not ours", "sign in at the identity provider")
    with changed(_file(parsed)) as write:
        book = book_or_new(_file(parsed))
        if book.user(parsed.name) is None:
            raise _nobody(parsed.name)
        signing = book.signs_with()
        if signing is None:
            signing = new_signing("EdDSA", now)
            write(book.rotated(signing, now))
    sys.stdout.write(f"{new_session(signing, parsed.name, now, parsed.hours * 3600)}\n")


def _list(parsed: argparse.Namespace) -> None:
    from voice_api.users.file import read_book  # noqa: PLC0415

    for user in read_book(_file(parsed)).users:
        keys = ",".join(key.id for key in user.keys) or "-"
        parts = (",".join(each) or "-" for each in (user.roles, user.environments, user.groups))
        sys.stdout.write("\t".join((user.name, *parts, keys)) + "\n")


def _revoke(parsed: argparse.Namespace) -> None:
    from voice_api.users.file import changed, read_book  # noqa: PLC0415

    now = int(time.time())
    with changed(_file(parsed)) as write:
        book = read_book(_file(parsed))
        user = book.user(parsed.name) or _kept_out(parsed.name)
        if user is None:
            raise _nobody(parsed.name)
        if parsed.key and parsed.key not in {key.id for key in user.keys}:
            raise VoiceApiError("no_such_key", f"{user.name} has no key {parsed.key}", "voice-api user list")
        kept = tuple(key for key in user.keys if key.id != parsed.key)
        match parsed:
            case argparse.Namespace(session=str() as session):
                write(book.without_session(session, now))
            case argparse.Namespace(sessions=True):
                write(book.with_user(replace(user, sessions_from=now + 1)))
            case argparse.Namespace(key=str()):
                write(book.with_user(replace(user, keys=kept)))
            case _ if user.name.startswith("oidc:"):
                # Kept without a right: else a group of the provider would let them in again.
                write(
                    book.with_user(replace(user, roles=(), environments=(), groups=(), sessions_from=now + 1))
                )
            case _:
                write(book.without_user(user.name))
    sys.stderr.write("it counts no more, from the next request on\n")


def _kept_out(name: str) -> "Entry | None":
    """Who is in a group of the provider has no entry, and may have to be kept out all the same."""
    from voice_api.users.book import Entry  # noqa: PLC0415

    return Entry(name) if name.startswith("oidc:") and ISSUED.fullmatch(name) else None


def _rotate(parsed: argparse.Namespace) -> None:
    from voice_api.users.file import book_or_new, changed  # noqa: PLC0415
    from voice_api.users.sessions import new_signing  # noqa: PLC0415

    now = int(time.time())
    with changed(_file(parsed)) as write:
        write(book_or_new(_file(parsed)).rotated(new_signing(parsed.algorithm, now), now))
    sys.stderr.write("sessions are signed with a new key; those of the former one last for their day\n")


def _file(parsed: argparse.Namespace) -> Path:
    file = chosen_settings(parsed).users_file
    if not file:
        raise SettingsError("no file of users is named", "give --users-file FILE, or KVX_VOICE_USERS_FILE")
    return Path(file)


def _nobody(name: str) -> VoiceApiError:
    fix = f"voice-api user add {name} --role operator --environment staging"
    return VoiceApiError("no_such_user", f"there is no user {name[:64]}", fix)
