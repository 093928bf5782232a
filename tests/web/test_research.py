"""The page of research: sweeps are asked for, watched, cancelled and read on it, with script and without."""

import csv
import io
import re
from decimal import Decimal

import pytest
from msgspec.structs import replace
from sqlalchemy import select, update

from workbench.actions.import_dataset import import_dataset
from workbench.actions.request_sweep import cancel_sweep, request_sweep, tell_of_sweep
from workbench.actions.run_requested_sweep import run_requested_sweep
from workbench.client import Client
from workbench.domain.events import SweepAdvanced, SweepFailed, SweepStarted
from workbench.domain.sweeps import Surface, SweepRequest
from workbench.errors import Invalid, NotFound
from workbench.sources.simulated import simulate_bars
from workbench.store.sweep_runs import list_sweep_runs
from workbench.store.tables import sweep_runs, trials
from workbench.web.asking import read_form
from workbench.web.pages.research import ROWS, code_of, heat_of

PAGE = "/paper-trading/research"
FORM = {
    "strategy": "sma_cross", "market": "WETH", "timeframe": "1h", "count": "900", "trials": "", "p.fast": "5, 10",
    "p.slow": "30:51:10", "p.stop_loss_pct": "", "p.take_profit_pct": "", "p.max_hold_hours": "",
}  # fmt: skip
SMALL = SweepRequest("sma_cross", {"fast": (5, 10), "slow": (30, 40, 50)}, count=900)


def _rows(desk, **wanted):
    with desk.store.read() as connection:
        return list_sweep_runs(connection, **wanted)


def test_a_sweep_is_asked_for_watched_and_read_on_the_page(client, desk):
    assert "No sweep runs." in client.get(f"{PAGE}/").text
    answer = client.post(f"{PAGE}/start", data=FORM, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}/?said=asked")
    text = client.get(answer.headers["location"]).text
    assert "The worker takes the sweep up at once" in text
    assert "wb.sweep(" not in client.get(f"{PAGE}/result?sweep={_rows(desk)[0].id}").text, "there are no rows yet"
    assert "fast 2 × slow 3" in text
    assert '<span class="chip waiting">waiting</span>' in text
    (row,) = _rows(desk)
    assert row.request.values == {"fast": ("5", "10"), "slow": (30, 40, 50)}
    tell_of_sweep(desk, row.id, SweepStarted(6))
    tell_of_sweep(desk, row.id, SweepAdvanced(2, 6))
    going = client.get(f"{PAGE}/going").text
    assert '<meter min="0" max="6" value="2"' in going
    assert "2 of 6 trials" in going
    done = run_requested_sweep(desk, row.id)
    assert "No sweep runs." in client.get(f"{PAGE}/going").text
    result = client.get(f"{PAGE}/result").text
    assert "Sharpe ratio by fast (down) and slow (across)" in result
    assert len(re.findall(r'class="heat-\d', result)) == 7 + 6
    for sentence in done.outcome.findings:
        assert sentence.replace("'", "&#39;") in result
    assert "wb.sweep(&#34;sma_cross&#34;, wb.simulate_bars(&#34;WETH&#34;, &#34;1h&#34;, 900)" in result
    ended = client.get(f"{PAGE}/ended").text
    assert f'id="ended-{row.id}"' in ended
    figures = client.get(f"{PAGE}/figures").text
    assert re.search(r"Trials ever run</dt><dd[^>]*>6<", figures)
    assert re.search(r"Finished</dt><dd[^>]*>1<", figures)


def test_the_block_alone_is_answered_where_it_is_asked_for(client, desk):
    answer = client.post(f"{PAGE}/start?answer=block", data=FORM)
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert "The worker takes the sweep up" in answer.text
    assert 'value="5, 10"' in answer.text


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"p.fast": "5:x"}, 422, "Fast: expected a range of whole numbers"),
        ({"p.fast": "-5, 10"}, 422, "Fast: expected"),
        ({"p.fast": "5", "p.slow": "30"}, 422, "nothing to try: expected one field with several values, such as 5:25"),
        ({"p.fast": "5:9999999999999999999999"}, 422, "at most 1,000,000 values"),
        ({"p.fast": "5:20000"}, 422, "Fast: expected at most 10,000 values to try, found 19,995 of them"),
        ({"p.unknown": "5"}, 404, "no parameter of sma_cross"),
        ({"strategy": "sma_crss"}, 404, "Did you mean &#39;sma_cross&#39;"),
        ({"count": "0"}, 422, "Number of bars: expected a whole number from 1 to 100,000"),
        ({"count": "20"}, 422, "Number of bars: expected more than the 51 that SmaCross(fast=5, slow=50) looks back, found 20"),
        ({"count": "many"}, 422, "Number of bars"),
        ({"trials": "x"}, 422, "Trials of a search"),
        ({"market": "NOTHING"}, 404, "NOTHING"),
        ({"market": "dataset:feed"}, 404, "no dataset"),
        ({"timeframe": "7q"}, 422, "7q"),
        ({"p.stop_loss_pct": "<b>"}, 422, "&lt;b&gt;"),
    ],
)
def test_what_cannot_be_run_is_one_sentence_and_nothing_is_written_down(client, desk, change, status, words):
    for answer, way in (("block", "answer=block"), ("page", "answer=page")):
        got = client.post(f"{PAGE}/start?{way}", data={**FORM, **change})
        assert got.status_code == status, (answer, got.text[:400])
        assert words in got.text
        assert "<b>" not in re.sub(r"<b>(5, 10, 20|5:25:5)</b>", "", got.text.split('id="tried"')[-1].split("</form>")[0])
    assert _rows(desk) == []


def test_what_was_typed_stays_in_the_form_when_it_is_refused(client):
    text = client.post(f"{PAGE}/start?answer=block", data={**FORM, "p.fast": "5:x", "count": "800"}).text
    assert 'value="5:x"' in text
    assert 'value="800"' in text
    assert 'aria-invalid="true"' in text


def test_a_dataset_can_be_chosen(client, desk):
    kept = import_dataset(desk, simulate_bars("AERO", "15m", 600), "my candles")
    assert "my candles, 600 bars from a file" in client.get(f"{PAGE}/form").text
    client.post(f"{PAGE}/start?answer=block", data={**FORM, "market": f"dataset:{kept.id}"})
    (row,) = _rows(desk)
    assert (row.request.dataset, row.request.symbol, row.request.count) == (kept.id, "AERO", 600)


def test_a_search_is_asked_for_by_its_number_of_trials(client, desk):
    client.post(f"{PAGE}/start?answer=block", data={**FORM, "trials": "20", "p.fast": "5:25", "p.slow": "30:100"})
    (row,) = _rows(desk)
    assert row.request.trials == 20
    assert "a search of 20 trials" in client.get(f"{PAGE}/going").text


def test_the_parameters_of_another_strategy_are_fetched_alone(client):
    text = client.get(f"{PAGE}/tried?strategy=rsi_reversion").text
    assert "p.fast" not in text
    assert client.get(f"{PAGE}/tried?strategy=nothing").status_code == 404


def test_a_waiting_sweep_is_cancelled_by_its_button_and_a_running_one_is_asked_to_end(client, desk):
    waiting, running = request_sweep(desk, SMALL), request_sweep(desk, SMALL)
    answer = client.post(f"{PAGE}/{waiting.id}/cancel?answer=block")
    assert answer.status_code == 200
    assert "The sweep is cancelled; it had not begun." in answer.text
    tell_of_sweep(desk, running.id, SweepStarted(6))
    answer = client.post(f"{PAGE}/{running.id}/cancel", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}/?said=cancelled")
    text = client.get(answer.headers["location"]).text
    assert "The sweep ends after the trials" in text
    assert '<span class="chip cancelling">' in text
    assert "disabled>Cancel<" in text
    run_requested_sweep(desk, running.id)
    assert "The sweep ends after the trials" not in client.get(answer.headers["location"]).text


def test_one_that_has_ended_or_was_never_there_cannot_be_cancelled(client, desk):
    row = request_sweep(desk, SMALL)
    cancel_sweep(desk, row.id)
    again = client.post(f"{PAGE}/{row.id}/cancel?answer=block")
    assert (again.status_code, "it is CANCELLED" in again.text) == (409, True)
    assert client.post(f"{PAGE}/nothing/cancel?answer=block").status_code == 404


def test_a_result_is_shown_of_the_sweep_that_an_address_names(client, desk):
    first = run_requested_sweep(desk, request_sweep(desk, SMALL).id)
    run_requested_sweep(desk, request_sweep(desk, SweepRequest("sma_cross", {"fast": (3, 4)}, symbol="AERO", count=900)).id)
    assert "AERO 1h" in client.get(f"{PAGE}/result").text
    assert "WETH 1h" in client.get(f"{PAGE}/result?sweep={first.id[:8]}").text
    assert client.get(f"{PAGE}/?sweep=nothing").status_code == 404
    assert client.get(f"{PAGE}/?sweep={'x' * 41}").status_code == 422


def test_one_that_failed_says_why(client, desk):
    row = request_sweep(desk, SMALL)
    tell_of_sweep(desk, row.id, SweepFailed("The <bars> are gone."))
    result = client.get(f"{PAGE}/result?sweep={row.id}").text
    assert "The &lt;bars&gt; are gone." in result
    assert "wb.sweep(" not in result, "there are no rows to read"
    assert "The &lt;bars&gt; are gone." in client.get(f"{PAGE}/ended").text


def test_ended_sweeps_come_page_by_page(client, desk):
    for _ in range(ROWS + 2):
        cancel_sweep(desk, request_sweep(desk, SMALL).id)
    text = client.get(f"{PAGE}/ended").text
    assert text.count("data-row") == ROWS
    older = re.search(r'href="([^"]*)" rel="next"', text)[1].replace("&amp;", "&")
    whole = client.get(older).text
    assert whole.split('id="ended"')[1].count("data-row") == 2
    assert 'rel="prev"' in whole


def test_the_call_that_gives_the_rows_again_is_code_that_runs(desk):
    asked = SweepRequest(
        "sma_cross", {"fast": (5, 10), "slow": (30, 40, 50), "stop_loss_pct": ("2.5",)}, count=900, cash="5000", seed=3, trials=4
    )
    assert code_of(asked) == (
        'wb.search("sma_cross", wb.simulate_bars("WETH", "1h", 900), fast=[5, 10], slow=range(30, 51, 10), stop_loss_pct=2.5, '
        "trials=4, cash=5000, seed=3)"
    )
    assert code_of(SweepRequest("sma_cross", {"fast": ("5", "x y")}, dataset="abcdef1234567890")) == (
        """wb.sweep("sma_cross", wb.open_dataset("abcdef123456"), fast=[5, 'x y'])"""
    )


def test_a_map_goes_from_its_least_to_its_greatest_tone_and_leaves_out_what_was_not_tried():
    cells = ((0.0, None, 0.5), (1.0, -1.0, 0.99))
    heat = heat_of(Surface("sharpe", "fast", "slow", ("5", "9"), ("30", "40", "50"), cells))
    assert [[cell and cell.tone for cell in row] for _, row in heat.rows] == [[3, None, 5], [6, 0, 6]]
    assert (heat.low, heat.high, heat.is_written) == ("\u22121.00", "1.00", True)
    assert heat_of(Surface("sharpe", "", "fast", ("",), ("5",), ((None,),))) is None
    wide = heat_of(Surface("sharpe", "", "fast", ("",), tuple(map(str, range(32))), (tuple(range(32)),)))
    assert sum(bool(label) for label in wide.columns) == 8
    assert not wide.is_written


def test_the_form_reads_in_the_order_of_its_fields():
    values = dict(reversed({**FORM, "p.max_hold_hours": "10"}.items()))
    assert list(read_form(values).values) == ["fast", "slow", "max_hold_hours"]
    with pytest.raises(Invalid, match="count"):
        read_form({**FORM, "count": "100001"})
    with pytest.raises(NotFound, match="fats"):
        read_form({**FORM, "p.fats": "1"})
    assert read_form({"trials": "5"}).values == {}
    assert Decimal(read_form(FORM).cash) == 10_000


def test_a_file_of_ones_own_that_is_broken_is_left_out_and_the_page_says_so(client, desk):
    kept = request_sweep(desk, SMALL)
    folder = desk.settings.strategies_path
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "broken.py").write_text("class Broken(:")
    with desk.store.write() as connection:
        of_it = replace(kept.request, strategy="broken")
        connection.execute(update(sweep_runs).where(sweep_runs.c.id == kept.id).values(request=of_it))
    text = client.get(f"{PAGE}/").text
    assert "Left out: broken.py, line 1 cannot be imported: SyntaxError" in text
    assert 'value="broken"' not in text
    assert "<b>broken</b>" in text.split('id="going"')[1], "one that was asked for before has its name"
    assert 'value="sma_cross"' in text
    assert "SyntaxError" in client.get(f"{PAGE}/tried?strategy=broken").text


def test_the_best_of_a_search_is_the_best_by_what_the_page_says(client, desk):
    asked = SweepRequest("sma_cross", {"fast": tuple(range(5, 25)), "stop_loss_pct": (1, 2, 4)}, count=2_000, trials=20)
    out = run_requested_sweep(desk, request_sweep(desk, asked).id).outcome
    text = client.get(f"{PAGE}/result").text
    assert "Best by its Sharpe ratio before the days held out" in text
    assert "Sharpe ratio before the days held out by fast (down) and stop loss % (across)" in text
    assert f"fast {out.values['fast']}, stop loss {out.values['stop_loss_pct']} %" in text
    first = re.search(r"<h3>The best.*?<tbody>\s*<tr>(.*?)</tr>", text, re.DOTALL)[1]
    assert re.findall(r"<td[^>]*>([^<]*)</td>", first)[:3] == list(out.values.values())
    assert ">stop loss %</th>" in text
    run_requested_sweep(desk, request_sweep(desk, SMALL).id)
    assert "Best by its Sharpe ratio<" in client.get(f"{PAGE}/result").text


def test_the_verdict_of_an_ended_sweep_stands_beside_its_status(client, desk):
    run_requested_sweep(desk, request_sweep(desk, SMALL).id)
    heads = re.findall(r'<th scope="col"[^>]*>([^<]*)</th>', client.get(f"{PAGE}/ended").text)
    assert heads[3:6] == ["Status", "Deflated", "Luck"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("before=x", "before: expected a whole number, found the text &#39;x&#39;."),
        ("before=-1", "before: expected a whole number from 0, found the text &#39;-1&#39;."),
        ("said=much", "said: expected one of &#39;asked&#39;, &#39;cancelled&#39;, found the text &#39;much&#39;."),
        (f"sweep={'x' * 41}", "sweep: expected a text of at most 40 characters"),
    ],
)
def test_what_an_address_asks_for_is_refused_in_plain_words(client, query, words):
    answer = client.get(f"{PAGE}/?{query}")
    assert (answer.status_code, words in answer.text) == (422, True), answer.text


def test_every_trial_of_a_sweep_is_listed_sorted_paged_by_the_address_and_downloaded(client, desk):
    asked = replace(SMALL, values={"fast": tuple(range(5, 15)), "slow": (30, 40, 50)})
    run = run_requested_sweep(desk, request_sweep(desk, asked).id)
    api = "/paper-trading/api/trials/"

    def walked(sort):
        found, address = [], f"{PAGE}/?sort={sort}"
        while address:
            text = client.get(address).text
            found += [int(number) for number in re.findall(r'id="trial-(\d+)"', text)]
            following = re.search(r'href="([^"]*past=[^"]*)" rel="next"', text)
            address = following[1].replace("&amp;", "&").partition("#")[0] if following else ""
        return found

    every = client.get(api, params={"study": run.sweep, "limit": 200}).json()["data"]["items"]
    assert len(every) == 30 > ROWS
    assert list(Client(http=client).trials(study=run.sweep, limit=20)) == every
    for name in ("sharpe_ratio", "return_percent", "round_trips", "trial_id"):
        valued = [row for row in every if row[name] is not None]
        for sort, falls in ((name, False), (f"-{name}", True)):
            wanted = [row["trial_id"] for row in sorted(valued, key=lambda row: (row[name], row["trial_id"]), reverse=falls)]
            none = sorted((row["trial_id"] for row in every if row[name] is None), reverse=falls)
            assert walked(sort) == wanted + none, sort
            file = client.get(f"{api}export/", params={"study": run.sweep, "sort": sort}).text
            assert [int(row["trial_id"]) for row in csv.DictReader(io.StringIO(file))] == wanted + none
    page = client.get(f"{PAGE}/?sort=-return_percent").text
    assert f"trials/export/?study={run.sweep}&amp;sort=-return_percent" in page
    assert 'aria-sort="descending"' in page
    assert client.get(f"{PAGE}/?sort=luck").status_code == 422


def test_a_trial_without_a_figure_comes_last_and_the_cursor_leads_past_it(client, desk):
    run = run_requested_sweep(desk, request_sweep(desk, SMALL).id)
    with desk.store.write() as connection:
        ids = connection.execute(select(trials.c.id).order_by(trials.c.id)).scalars().all()
        connection.execute(update(trials).where(trials.c.id.in_(ids[:2])).values(sharpe=None))
    api = "/paper-trading/api/trials/"
    for sort, last in (("sharpe_ratio", ids[:2]), ("-sharpe_ratio", ids[1::-1])):
        found, before = [], None
        while True:
            asked = {"study": run.sweep, "sort": sort, "limit": 1, **({"before": before} if before else {})}
            data = client.get(api, params=asked).json()["data"]
            found += [row["trial_id"] for row in data["items"]]
            before = data["next"]
            if before is None:
                break
        assert sorted(found) == list(ids)
        assert found[-2:] == list(last)


def test_trials_of_every_study_are_not_sorted_by_a_figure(client):
    answer = client.get("/paper-trading/api/trials/", params={"sort": "-sharpe_ratio"})
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, "sort")
    assert client.get("/paper-trading/api/trials/", params={"sort": "luck"}).status_code == 422
