"""What a pasted link is understood as, and what is said of one that leads to no picture."""

from urllib.parse import quote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from styles.images.links import LINK_MAX, MESSAGES, Link, LinkProblem, read_address, read_link

from .wording import banned_words

VIDEO = "dQw4w9WgXcQ"


def problem_of(text: str) -> str:
    with pytest.raises(LinkProblem) as caught:
        read_link(text)
    return caught.value.code


class TestAVideo:
    @pytest.mark.parametrize(
        "text",
        [
            f"https://www.youtube.com/watch?v={VIDEO}",
            f"https://youtube.com/watch?v={VIDEO}&t=42s",
            f"https://www.youtube.com/watch?list=PL123&index=2&v={VIDEO}&feature=share",
            f"https://www.youtube.com/watch?app=desktop&v={VIDEO}#comments",
            f"https://m.youtube.com/watch?v={VIDEO}",
            f"https://music.youtube.com/watch?v={VIDEO}&list=RDAMVM{VIDEO}",
            f"https://youtu.be/{VIDEO}",
            f"https://youtu.be/{VIDEO}?si=Abc_dEf-123&t=42",
            f"https://youtu.be/{VIDEO}&t=42s",
            f"https://www.youtube.com/shorts/{VIDEO}?feature=share",
            f"https://www.youtube.com/live/{VIDEO}?si=abc",
            f"https://www.youtube.com/embed/{VIDEO}?autoplay=1",
            f"https://www.youtube.com/v/{VIDEO}",
            f"https://www.youtube-nocookie.com/embed/{VIDEO}",
            f"https://studio.youtube.com/video/{VIDEO}/edit",
            f"http://www.youtube.com/watch?v={VIDEO}",
            f"HTTPS://WWW.YouTube.COM/watch?v={VIDEO}",
            f"youtube.com/watch?v={VIDEO}",
            f"www.youtube.com/watch?v={VIDEO}",
            f"//youtu.be/{VIDEO}",
            f"YouTu.be/{VIDEO}",
            f"  https://youtu.be/{VIDEO}\n",
            f"\u200bhttps://youtu.be/{VIDEO}\ufeff",
            f"https://www.youtube.com/attribution_link?a=x&u=%2Fwatch%3Fv%3D{VIDEO}%26feature%3Dem",
            "https://consent.youtube.com/m?continue="
            + quote(f"https://www.youtube.com/watch?v={VIDEO}&t=1", safe="")
            + "&gl=DE&hl=de",
            "https://consent.youtube.com/m?continue="
            + quote(f"https://youtube.com/signin?next=%2Fshorts%2F{VIDEO}", safe=""),
        ],
    )
    def test_is_understood_in_any_form(self, text):
        link = read_link(text)
        assert (link.video_id, link.label) == (VIDEO, f"youtu.be/{VIDEO}")

    def test_stands_for_its_thumbnails_from_the_best_to_the_surest(self):
        link = read_link(f"https://youtu.be/{VIDEO}")
        folder = f"https://i.ytimg.com/vi/{VIDEO}"
        assert link.url == f"{folder}/maxresdefault.jpg"
        assert link.candidates == (
            f"{folder}/maxresdefault.jpg",
            f"{folder}/sddefault.jpg",
            f"{folder}/hqdefault.jpg",
        )

    @pytest.mark.parametrize(
        "text",
        [
            "https://www.youtube.com/@veritasium",
            "https://www.youtube.com/channel/UCHnyfMqiRRG1u-2MsSQLbXA",
            "https://www.youtube.com/playlist?list=PL1234567890",
            "https://www.youtube.com/embed/videoseries?list=PL1234567890",
            "https://www.youtube.com/embed/live_stream?channel=UCHnyfMqiRRG1u-2MsSQLbXA",
            "https://www.youtube.com/watch?v=dQw4w9WgXc",
            f"https://www.youtube.com/watch?v={VIDEO}Q",
            "https://www.youtube.com/shorts/",
            "https://youtu.be/",
            "https://consent.youtube.com/m?continue=https%3A%2F%2F%5B",
            f"https://consent.youtube.com/m?continue=https%3A%2F%2Fevil.example%2F%3Fv%3D{VIDEO}",
            "youtube.com",
        ],
    )
    def test_is_asked_for_where_a_youtube_link_has_none(self, text):
        assert problem_of(text) == "no_video"

    def test_is_not_searched_for_without_end_in_links_within_links(self):
        text = f"/watch?v={VIDEO}"
        for _ in range(9):
            text = f"https://www.youtube.com/signin?next={quote(text, safe='')}"
        assert problem_of(text[:LINK_MAX]) == "no_video"

    @pytest.mark.parametrize(
        "text",
        [
            f"https://i.ytimg.com/vi/{VIDEO}/hqdefault.jpg",
            f"https://youtube.com.evil.example/watch?v={VIDEO}",
            f"https://evil.example/youtube.com/watch?v={VIDEO}",
            f"https://vimeo.com/watch?v={VIDEO}",
        ],
    )
    def test_is_seen_at_youtube_only(self, text):
        assert read_link(text) == Link(
            url=text, candidates=(text,), video_id="", label=urlsplit(text).path.split("/")[-1]
        )


class TestAPicture:
    @pytest.mark.parametrize(
        ("text", "url"),
        [
            ("https://a.example/party.png", "https://a.example/party.png"),
            ("https://a.example", "https://a.example/"),
            ("https://a.example:443/x?a=1&b=%2F", "https://a.example/x?a=1&b=%2F"),
            ("https://a.example/x#top", "https://a.example/x"),
            ("HTTPS://A.Example./X", "https://a.example/X"),
            ("https://a.example/my cat.png", "https://a.example/my%20cat.png"),
            ("https://a.example/?q=my cät", "https://a.example/?q=my%20c%C3%A4t"),
            ("https://bücher.example/ü.png", "https://xn--bcher-kva.example/%C3%BC.png"),
            ("https://straße.example/", "https://xn--strae-oqa.example/"),
            ("https://93.184.215.14/x", "https://93.184.215.14/x"),
            ("https://[2606:4700:0::1]/x", "https://[2606:4700::1]/x"),
            ("https://a_b.example/x", "https://a_b.example/x"),
        ],
    )
    def test_has_an_address_of_one_form(self, text, url):
        assert read_link(text).url == url
        assert read_link(url).url == url

    @pytest.mark.parametrize(
        ("text", "label"),
        [
            ("https://a.example/2026/party.png?token=secret", "party.png"),
            ("https://a.example/my%20cat.png", "my cat.png"),
            ("https://a.example/", "a.example"),
            ("https://a.example/photos/", "photos"),
            ("https://a.example/a%2Fb%5Cparty.png", "party.png"),
            ("https://a.example/%E2%80%AEgnp.exe", "gnp.exe"),
            ("https://a.example/..", "a.example"),
        ],
    )
    def test_is_shown_by_the_name_of_its_file(self, text, label):
        assert read_link(text).label == label

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("", "empty"),
            (" \u200b\n", "empty"),
            ("https://a.example/" + "x" * LINK_MAX, "too_long"),
            ("a picture of a cat", "not_an_address"),
            ("a.example/party.png", "not_an_address"),
            ("https://a.example/a\nhttps://a.example/b", "not_an_address"),
            ("https://[::1", "not_an_address"),
            ("https://a.example:x/", "not_an_address"),
            ("https://a.example:99999/", "not_an_address"),
            ("http://a.example/party.png", "http"),
            ("data:image/png;base64," + "A" * 3000, "inline"),
            ("blob:https://a.example/5c2c", "inline"),
            ("file:///etc/passwd", "scheme"),
            ("ftp://a.example/party.png", "scheme"),
            ("gopher://a.example/", "scheme"),
            (f"ftp://youtu.be/{VIDEO}", "scheme"),
            ("C:\\party.png", "scheme"),
            ("https://alice@a.example/", "password"),
            ("https://alice:secret@a.example/", "password"),
            (f"https://youtube.com@evil.example/watch?v={VIDEO}", "password"),
            ("https://a.example:8443/", "port"),
            ("https://a.example:80/", "port"),
            ("https:///party.png", "host"),
            ("https:a.example/party.png", "host"),
            ("https://intranet/party.png", "host"),
            ("https://localhost/party.png", "host"),
            ("https://a..example/", "host"),
            ("https://a.example\\.b.example/", "host"),
            ("https://-a.example/", "host"),
            ("https://a b.example/", "host"),
            ("https://a%2eexample.example/", "host"),
            (f"https://{'a.' * 130}example/", "host"),
            (f"https://{'a' * 64}.example/", "host"),
            (f"https://{'é' * 64}.example/", "host"),
            ("https://127.1/", "host"),
            ("https://2130706433/", "host"),
            ("https://0x7f.0.0.1/", "host"),
            ("https://0177.0.0.1/", "host"),
            ("https://１２７.０.０.１/", "host"),
            ("https://[fe80::1%25eth0]/", "host"),
        ],
    )
    def test_is_not_behind_every_text(self, text, code):
        assert problem_of(text) == code


def test_http_is_answered_with_what_to_do_about_it():
    with pytest.raises(LinkProblem, match=r"“a\.example”.*https://"):
        read_link("http://a.example/party.png?token=secret")


def test_where_a_redirect_leads_is_never_taken_for_a_video():
    watch = f"https://www.youtube.com/watch?v={VIDEO}"
    assert read_address(watch) == watch


@pytest.mark.parametrize("code", MESSAGES)
def test_every_message_says_what_to_do_in_our_words(code):
    message = LinkProblem(code, host="a.example", label="party.png", status=418).message
    assert banned_words(message) == []
    assert "%" not in message
    assert any(word in message for word in ("Enter", "Copy", "copy", "upload", "choose", "Use"))


ANYTHING = st.text(st.characters())
PIECES = st.lists(
    st.sampled_from(
        [
            *(
                "https://",
                "http://",
                "//",
                "/",
                "\\",
                "?",
                "#",
                "@",
                ":",
                "[",
                "]",
                "%",
                "&",
                "=",
                ".",
            ),
            *("youtube.com", "youtu.be", "watch", "v", VIDEO, "continue", "next", "a.example"),
            *("127.0.0.1", "::1", "443", "bücher", "。", "\u200d", "\ud800", " ", "xn--", "%00"),
        ]
    )
).map("".join)


@given(ANYTHING | PIECES | PIECES.map("https://{}".format))
@example("https://[v1.a.example]/")
@example("https://[::1]a.example/")
@example("https://xn--a.example/")
def test_whatever_is_pasted_is_https_with_a_host_or_a_problem(text):
    try:
        link = read_link(text)
    except LinkProblem:
        return
    assert link.candidates[0] == link.url
    for url in link.candidates:
        parts = urlsplit(url)
        assert parts.scheme == "https"
        assert parts.hostname
        assert (parts.port, parts.username, parts.fragment) == (None, None, "")
        assert url.isascii()
        assert url.isprintable()
        assert " " not in url
        assert read_address(url) == url
    assert link.label
