"""What the database itself keeps true: transitions are only ever added; pages hear of changes."""

from django.db import migrations

APPEND_ONLY = """
CREATE FUNCTION transition_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' AND current_setting('atelier.truncate_allowed', true) = 'yes' THEN
        RETURN NULL;  -- tests empty their tables this way
    END IF;
    RAISE EXCEPTION 'transitions are append-only: % refused', TG_OP;
END $$;
CREATE TRIGGER transition_append_only BEFORE UPDATE OR DELETE ON provisioner_transition
    FOR EACH ROW EXECUTE FUNCTION transition_is_append_only();
CREATE TRIGGER transition_no_truncate BEFORE TRUNCATE ON provisioner_transition
    FOR EACH STATEMENT EXECUTE FUNCTION transition_is_append_only();
"""

APPEND_ONLY_UNDO = """
DROP TRIGGER transition_no_truncate ON provisioner_transition;
DROP TRIGGER transition_append_only ON provisioner_transition;
DROP FUNCTION transition_is_append_only();
"""

# Delivered at commit, so a page never reads the row too early.
NOTIFY = """
CREATE FUNCTION desktop_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('desktop', NEW.id::text);
    RETURN NULL;
END $$;
CREATE TRIGGER desktop_notify_insert AFTER INSERT ON provisioner_desktop
    FOR EACH ROW EXECUTE FUNCTION desktop_notify();
CREATE TRIGGER desktop_notify_update AFTER UPDATE ON provisioner_desktop
    FOR EACH ROW WHEN (
        (OLD.name, OLD.desired, OLD.generation, OLD.observed, OLD.observed_generation,
         OLD.endpoint, OLD.reason, OLD.reason_detail, OLD.progress, OLD.limits, OLD.attempts,
         OLD.erased_at)
        IS DISTINCT FROM
        (NEW.name, NEW.desired, NEW.generation, NEW.observed, NEW.observed_generation,
         NEW.endpoint, NEW.reason, NEW.reason_detail, NEW.progress, NEW.limits, NEW.attempts,
         NEW.erased_at)
    ) EXECUTE FUNCTION desktop_notify();
"""

NOTIFY_UNDO = """
DROP TRIGGER desktop_notify_update ON provisioner_desktop;
DROP TRIGGER desktop_notify_insert ON provisioner_desktop;
DROP FUNCTION desktop_notify();
"""


class Migration(migrations.Migration):
    dependencies = [("provisioner", "0001_initial")]
    operations = [
        migrations.RunSQL(APPEND_ONLY, APPEND_ONLY_UNDO),
        migrations.RunSQL(NOTIFY, NOTIFY_UNDO),
    ]
