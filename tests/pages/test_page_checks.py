"""What the page of a version says of a check that failed and is tried again."""

from tests.pages.page_reading import whole

WHY = "try 1 of 2 failed after 60 s with ENDPOINT_UNREACHABLE: endpoint cats could not be used in 6 requests"


def test_the_page_of_a_version_says_why_a_try_of_its_check_failed(empty_scene):
    scene = empty_scene
    version = scene.run(scene.unchecked("served"))

    async def fail_once() -> None:
        async with scene.store.transaction() as transaction:
            shard = await transaction.shards.claim("worker", lease_seconds=60)
            assert await transaction.shards.hand_back(shard, failed_tries=1, delay_seconds=0, away_reason=WHY)

    before = whole(scene.browser("otto").get(f"/{version}"))
    scene.run(fail_once())
    after = whole(scene.browser("otto").get(f"/{version}"))

    assert "No worker has loaded and checked it yet." in before
    assert f"Its check: {WHY}. It is tried again." in after
    assert "No worker has loaded and checked it yet." not in after
