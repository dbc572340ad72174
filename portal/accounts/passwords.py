"""What is asked of a password, in our words."""

from __future__ import annotations

from django.contrib.auth import password_validation as asked
from django.utils.translation import gettext as _


class LongEnough(asked.MinimumLengthValidator):
    def get_error_message(self) -> str:
        return _("Use at least {n} characters.").format(n=self.min_length)


class NotCommon(asked.CommonPasswordValidator):
    def get_error_message(self) -> str:
        return _("Too many people use this password; it is guessed first.")


class NotLikeTheAddress(asked.UserAttributeSimilarityValidator):
    def get_error_message(self) -> str:
        return _("This is too close to your address or name.")
