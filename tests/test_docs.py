from docs import write_states
from docs.write_errors import PAGE, errors_page
from styles.states import TRANSITIONS, State
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


def test_the_drawing_of_the_states_is_what_the_table_makes():
    """To draw it anew: `python -m docs.write_states`."""
    drawn = write_states.drawing()
    page = write_states.PAGE.read_text(encoding="utf-8")
    assert write_states.page_with(drawn) == page and drawn in page


def test_each_state_is_reached_and_leads_somewhere_or_is_an_end():
    reached = {new for _, new in TRANSITIONS} | {State.DRAFT}
    assert reached == set(State)
    assert {old for old, _ in TRANSITIONS} == set(State)
