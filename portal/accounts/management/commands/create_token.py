"""Prints an API token for a person's personal tenant."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.db import transaction

from portal import display_names
from portal.accounts import audit, tokens
from portal.accounts.models import User
from portal.accounts.permissions import Actor
from portal.accounts.tenants import ensure_personal


class Command(BaseCommand):
    help = "Prints an API token for a person's personal tenant; nothing else goes to stdout."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument(
            "--create", action="store_true", help="make the person, verified, without a password"
        )
        parser.add_argument("--name", default="command line", help="what the token is for")

    def handle(self, *_args: Any, **options: Any) -> None:
        email = str(options["email"]).strip().lower()
        try:
            validate_email(email)
        except ValidationError as error:
            raise CommandError(f"{email!r} is not an e-mail address") from error
        name = display_names.clean(options["name"])
        if not display_names.can_be_shown(name):
            raise CommandError(f"{name!r} cannot be shown as a name")
        with transaction.atomic():
            user = User.objects.filter(email__iexact=email).first()
            if user is None and not options["create"]:
                raise CommandError(f"nobody has the address {email}; --create makes the person")
            if user is None:
                user = User.objects.create_user(email)
                EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
            tenant = ensure_personal(user)
            token, secret = tokens.issue(user, tenant, name)
            actor = Actor(user=user, tenant=tenant, role="owner", via="command")
            audit.record(actor, "token.manage", token.id, created=token.prefix)
        self.stdout.write(secret)
