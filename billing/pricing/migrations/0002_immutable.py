"""What is published never changes: the database refuses it."""

from django.db import migrations

IMMUTABLE = """
CREATE FUNCTION published_prices_never_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' AND current_setting('atelier.truncate_allowed', true) = 'yes' THEN
        RETURN NULL;  -- tests empty their tables this way
    END IF;
    RAISE EXCEPTION 'published prices never change: % refused', TG_OP;
END $$;
CREATE TRIGGER pricebook_immutable BEFORE UPDATE OR DELETE ON pricing_pricebook
    FOR EACH ROW EXECUTE FUNCTION published_prices_never_change();
CREATE TRIGGER pricebook_no_truncate BEFORE TRUNCATE ON pricing_pricebook
    FOR EACH STATEMENT EXECUTE FUNCTION published_prices_never_change();
CREATE TRIGGER planprice_immutable BEFORE UPDATE OR DELETE ON pricing_planprice
    FOR EACH ROW EXECUTE FUNCTION published_prices_never_change();
CREATE TRIGGER planprice_no_truncate BEFORE TRUNCATE ON pricing_planprice
    FOR EACH STATEMENT EXECUTE FUNCTION published_prices_never_change();
"""

UNDO = """
DROP TRIGGER planprice_no_truncate ON pricing_planprice;
DROP TRIGGER planprice_immutable ON pricing_planprice;
DROP TRIGGER pricebook_no_truncate ON pricing_pricebook;
DROP TRIGGER pricebook_immutable ON pricing_pricebook;
DROP FUNCTION published_prices_never_change();
"""


class Migration(migrations.Migration):
    dependencies = [("pricing", "0001_initial")]
    operations = [migrations.RunSQL(IMMUTABLE, UNDO)]
