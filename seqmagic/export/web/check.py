"""The self-check of the web page: its own script and model, run by node or by headless Chromium."""

from __future__ import annotations

import json

# stands in the script of the page, after the sampler and before the code of the page
PAGE_STARTS = "// ------------------------------------------------------------ the page"

CHECK = r"""
import html, json, re, subprocess, sys, tempfile
from pathlib import Path

ASK = '''
let now = { states: emptyStates(model) };
const foreseen = request.ids.map((id) => {
  now = read(model, id, now.states);
  return probabilities(now.logits);
});
now = { states: emptyStates(model) };
let bits = 0;
for (const id of request.loss_ids) {
  if (now.logits) bits += surprise(now.logits, id);
  now = read(model, id, now.states);
}
const browser = typeof document === "object";
const versions = browser
  ? { chromium: navigator.userAgent.match(/Chrome\/([\d.]+)/)[1] }
  : { node: process.versions.node };
const nats = (bits * Math.LN2) / (request.loss_ids.length - 1);
const answer = JSON.stringify({ probabilities: foreseen, nats, versions });
if (browser) document.querySelector("pre").textContent = answer;
else console.log(answer);
'''
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update --dump-dom"
).split()

folder, question, program = sys.argv[1:]
page = Path(folder, "index.html").read_text(encoding="utf-8")
sampler = page.split('<script type="module">')[1].split(PAGE_STARTS)[0]
model = page.split('<script type="application/json" id="model">')[1].split("</script>")[0]
asked = json.loads(Path(question).read_bytes())
request = json.dumps({name: asked[name] for name in ("ids", "loss_ids")})
script = f"{sampler}\nconst model = openModel({model});\nconst request = {request};\n{ASK}"

def run(*options, **more):
    done = subprocess.run([program, *options], capture_output=True, encoding="utf-8", **more)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "Error" in line]
        sys.exit(errors[0] if errors else f"{program} ended with {done.returncode}")
    return done.stdout

if Path(program).stem == "node":
    print(run("--input-type=module", "-", input=script))
else:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        alone = Path(profile, "check.html")
        alone.write_text(f'<meta charset="utf-8"><pre></pre><script type="module">{script}</script>', "utf-8")
        shown = run(*FLAGS, f"--user-data-dir={profile}", alone.as_uri())
    print(html.unescape(re.search("<pre>(.*?)</pre>", shown, re.DOTALL)[1]))
""".replace("PAGE_STARTS", json.dumps(PAGE_STARTS))
