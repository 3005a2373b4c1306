"""Which addresses are public, and which links the guard lets through."""

import socket

import pytest

from entx.download.guard import AddressGuard, DownloadError, Target, is_public, shown

PUBLIC = [
    "1.1.1.1", "8.8.8.8", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1", "169.253.0.1", "192.0.1.1",
    "198.17.0.1", "198.20.0.1", "223.255.255.255", "2606:4700:4700::1111", "2a00:1450::1", "64:ff9b::808:808",
]  # fmt: skip
NOT_PUBLIC = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255", "127.0.0.1",
    "127.255.255.255", "168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1",
    "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1",
    "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "100::1", "2001::1", "2001:2::1", "2001:20::1",
    "2001:db8::1", "2002:7f00:1::", "2002:808:808::", "3fff::1", "4000::1", "5f00::1", "fc00::1", "fd00:ec2::254",
    "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "not an address", "",
]  # fmt: skip
LOOPBACK_FORMS = [
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "0", "0.0.0.0",
    "127.0.0.1.", "127%2e0.0.1", "%31%32%37.1", "localhost", "LOCALHOST", "localhost.", "[::1]", "[::]",
    "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:0:127.0.0.1]", "[64:ff9b::127.0.0.1]",
    "[fe80::1]", "169.254.169.254", "0xa9fea9fe", "2852039166", "[::ffff:a9fe:a9fe]", "[fd00:ec2::254]",
    "100.64.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1",
]  # fmt: skip


@pytest.mark.parametrize("address", [*PUBLIC, *NOT_PUBLIC])
def test_which_addresses_are_public(address: str) -> None:
    assert is_public(address) is (address in PUBLIC)


@pytest.mark.parametrize("host", LOOPBACK_FORMS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_every_spelling_of_an_inner_address_is_refused(scheme: str, host: str) -> None:
    with pytest.raises(DownloadError) as refused:
        AddressGuard().check(f"{scheme}://{host}/a.jpg")
    # a resolver may not know a spelling at all, which refuses it too
    assert "which is not public" in str(refused.value) or "cannot be found" in str(refused.value)
    assert not refused.value.temporary or "cannot be found" in str(refused.value)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:///etc/passwd", "only http and https"), ("ftp://1.1.1.1/a.jpg", "only http and https"),
        ("gopher://1.1.1.1/", "only http and https"), ("data:image/png;base64,AAAA", "only http and https"),
        ("//1.1.1.1/a.jpg", "only http and https"), ("a.jpg", "only http and https"), ("", "only http and https"),
        ("http://", "not a valid link"), ("http:///a.jpg", "not a valid link"), ("http://./", "not a valid link"),
        ("http://1.1.1.1:99999/", "not a valid link"), ("http://1.1.1.1\r\nX: y/", "not a valid link"),
        ("http://[", "not a valid link"), ("http://a%00b/", "not a valid link"),
        ("http://a%2eb%2f/", "not a valid link"), ("http://[1.1.1.1/", "not a valid link"),
        ("http://user@1.1.1.1/", "user name"), ("http://user:secret@1.1.1.1/", "user name"),
        ("http://:@1.1.1.1/", "user name"), ("http://1.1.1.1:22/", "port 22 is refused"),
        ("http://1.1.1.1:0/", "port 0 is refused"), ("https://1.1.1.1:8443/", "port 8443 is refused"),
        ("http://" + "x" * 70 + ".test/", "cannot be found"),
    ],
)  # fmt: skip
def test_links_that_are_refused(url: str, reason: str) -> None:
    with pytest.raises(DownloadError, match=reason) as refused:
        AddressGuard().check(url)
    assert not refused.value.temporary
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://1.1.1.1", Target("http", "1.1.1.1", 80, "/", ("1.1.1.1",))),
        ("HTTPS://1.1.1.1:443/A b?q=é#part", Target("https", "1.1.1.1", 443, "/A%20b?q=%C3%A9", ("1.1.1.1",))),
        ("http://1.1.1.1:443/", Target("http", "1.1.1.1", 443, "/", ("1.1.1.1",))),
        ("http://16843009/", Target("http", "16843009", 80, "/", ("1.1.1.1",))),
    ],
)
def test_public_links_pass(url: str, target: Target) -> None:
    assert AddressGuard().check(url) == target


def test_the_host_header_names_the_port_only_where_it_is_unusual() -> None:
    assert Target("http", "a.test", 80, "/", ()).host_header == "a.test"
    assert Target("https", "a.test", 80, "/", ()).host_header == "a.test:80"
    assert Target("https", "::1", 443, "/", ()).host_header == "[::1]"


def test_a_host_is_allowed_by_the_name_that_the_link_uses() -> None:
    guard = AddressGuard(["LocalHost.", "[::1]"])
    assert guard.check("http://localhost:8000/").port == 8000
    assert guard.check("http://LOCALHOST./").addresses
    assert guard.check("http://[::1]:9/").addresses == ("::1",)
    for other in ("http://127.0.0.1/", "http://localhost.test/", "http://sub.localhost/", "file://localhost/"):
        with pytest.raises(DownloadError):
            guard.check(other)
    with pytest.raises(DownloadError, match="user name"):
        guard.check("http://a@localhost/")


@pytest.mark.parametrize(
    "addresses", [["8.8.8.8", "127.0.0.1"], ["10.0.0.1", "8.8.8.8"], ["2606:4700::1", "::1"], ["1.1.1.1", "fe80::1"]]
)
def test_a_name_with_one_inner_address_is_refused(resolver: dict[str, list[str]], addresses: list[str]) -> None:
    resolver["mixed.test"] = addresses
    with pytest.raises(DownloadError, match=r"mixed.test is at .* which is not public"):
        AddressGuard().check("https://mixed.test/a.jpg")


def test_all_public_addresses_of_a_name_are_kept_and_remembered(resolver: dict[str, list[str]]) -> None:
    resolver["pictures.test"] = ["8.8.8.8", "2606:4700::1", "8.8.8.8"]
    guard = AddressGuard()
    assert guard.check("https://pictures.test/a.jpg").addresses == ("8.8.8.8", "2606:4700::1")
    resolver["pictures.test"] = ["127.0.0.1"]
    assert guard.check("https://PICTURES.test/b.jpg").addresses == ("8.8.8.8", "2606:4700::1")
    assert resolver["asked"].count("pictures.test") == 1


def test_a_name_server_that_is_away_is_worth_another_try(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    monkeypatch.setattr(socket, "getaddrinfo", away)
    with pytest.raises(DownloadError, match="cannot be found") as failed:
        AddressGuard().check("http://pictures.test/")
    assert failed.value.temporary


def test_what_others_wrote_is_shown_short_and_printable() -> None:
    assert shown("a\r\nb\x1b[31m") == "a??b?[31m"
    assert shown("x" * 500) == "x" * 200 + "..."
