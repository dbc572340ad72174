"""The audit is only ever added to; the database itself refuses anything else."""

from django.db import migrations

APPEND_ONLY = """
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' AND current_setting('atelier.truncate_allowed', true) = 'yes' THEN
        RETURN NULL;  -- tests empty their tables this way
    END IF;
    RAISE EXCEPTION 'audit events are append-only: % refused', TG_OP;
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON accounts_auditevent
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON accounts_auditevent
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
"""

UNDO = """
DROP TRIGGER audit_no_truncate ON accounts_auditevent;
DROP TRIGGER audit_append_only ON accounts_auditevent;
DROP FUNCTION audit_is_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_sent_mail_and_email_case")]
    operations = [migrations.RunSQL(APPEND_ONLY, UNDO)]
