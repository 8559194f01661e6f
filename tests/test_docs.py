from docs.write_errors import PAGE, errors_page
from tests.wording import banned_words


def test_the_page_of_errors_is_what_the_catalogue_makes():
    """To write it anew: `python -m docs.write_errors`."""
    assert PAGE.read_text(encoding="utf-8") == errors_page()


def test_every_row_of_the_page_has_as_many_cells_as_its_table():
    columns = None
    for line in errors_page().splitlines():
        if not line.startswith("|"):
            columns = None
            continue
        columns = columns or line.count("|")
        assert line.count("|") == columns


def test_the_page_keeps_to_our_words():
    assert banned_words(errors_page()) == []
