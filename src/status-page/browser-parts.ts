/** The parts of the page that the browser alone reads: they are constant, so that its policy can name them by their hash. */
import { SLOT_SECONDS } from './history.ts'

export const STYLE = `
:root { color-scheme: light dark; --text: #1b1f24; --soft: #57606a; --line: #d0d7de; --back: #fff; --card: #f6f8fa;
  --good: #116329; --fair: #7d4e00; --bad: #a40e26; --blue: #0550ae; --orange: #bc4c00; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --soft: #9da7b3; --line: #3d444d; --back: #0d1117;
  --card: #161b22; --good: #56d364; --fair: #e3b341; --bad: #ff8b80; --blue: #79c0ff; --orange: #ffa657; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 96rem; background: var(--back); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; }
header { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; align-items: center; justify-content: space-between; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0; }
h2 { font-size: 1.125rem; margin: 2rem 0 0.5rem; }
h3 { font-size: 1rem; margin: 0; }
p { margin: 0.25rem 0; }
a { color: var(--blue); }
.soft { color: var(--soft); }
.verdict { border: 1px solid var(--line); border-left: 0.5rem solid; border-radius: 0.375rem; padding: 1rem 1.25rem;
  margin: 1rem 0; background: var(--card); }
.verdict ul { padding: 0; margin: 0.75rem 0 0; list-style: none; }
.verdict li { padding: 0.75rem 0; border-top: 1px solid var(--line); max-width: 60rem; overflow-wrap: anywhere; }
.verdict li p:first-child { font-weight: 600; }
.good { border-left-color: var(--good); } .good h1 { color: var(--good); }
.fair { border-left-color: var(--fair); } .fair h1 { color: var(--fair); }
.bad, #away { border-left-color: var(--bad); } .bad h1, #away { color: var(--bad); }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 18rem), 1fr)); gap: 1rem; }
figure { margin: 0; padding: 0.75rem 1rem; background: var(--card); border: 1px solid var(--line); border-radius: 0.375rem; }
.plot { margin: 0.5rem 0; font-size: 0.8125rem; line-height: 1.25; color: var(--soft); }
.plot p { display: flex; justify-content: space-between; min-height: 1.25em; margin: 0; }
svg { display: block; width: 100%; height: 5rem; overflow: visible; border-bottom: 1px solid var(--soft); }
rect { fill: var(--blue); }
rect.failed { fill: var(--bad); }
rect.refused { fill: none; stroke: var(--orange); stroke-width: 1.5; vector-effect: non-scaling-stroke; }
path { fill: none; stroke: var(--blue); stroke-width: 2; stroke-linecap: round; stroke-linejoin: round;
  vector-effect: non-scaling-stroke; }
path.most { stroke: var(--orange); stroke-width: 3; stroke-dasharray: 0 5; }
.key { font-weight: 600; white-space: nowrap; }
.key.half { color: var(--blue); } .key.most, .key.refused { color: var(--orange); } .key.failed { color: var(--bad); }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 0.375rem; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; padding: 0.4rem 0.75rem; color: var(--soft); font-size: 0.875rem; }
th, td { text-align: left; vertical-align: top; padding: 0.4rem 0.75rem; border-top: 1px solid var(--line); }
th { font-weight: 600; }
thead th { background: var(--card); }
th, .number { white-space: nowrap; }
.state { min-width: 9rem; }
.state strong { color: var(--bad); }
.errors { padding: 0; margin: 0; list-style: none; display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 36rem), 1fr)); }
.errors li { padding: 0.75rem 1rem; border: 1px solid var(--line); border-radius: 0.375rem; overflow-wrap: anywhere; }
.errors li:target { outline: 2px solid var(--blue); }
dl { display: flex; flex-wrap: wrap; gap: 0.5rem 2rem; margin: 0; }
dt { color: var(--soft); font-size: 0.875rem; }
dd { margin: 0; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.wide { min-width: 28rem; overflow-wrap: anywhere; }
code { font: 0.9em ui-monospace, monospace; overflow-wrap: anywhere; }
details { margin: 1rem 0; }
summary + div { margin-top: 0.5rem; }
summary { cursor: pointer; }
button { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: 0.375rem;
  padding: 0.125rem 0.75rem; }
:focus-visible { outline: 2px solid var(--blue); outline-offset: 2px; }
`

/**
 * Fetches the page again every 15 seconds, unless its reader has stopped that or has selected text. It leaves open what is
 * open and the focus where it is, and says so when nobody answers.
 */
export const SCRIPT = `
const [button, away] = ['button', '#away'].map((one) => document.querySelector(one))
let isStopped = false
button.hidden = false
button.onclick = () => {
  isStopped = !isStopped
  button.textContent = isStopped ? 'Refresh every ${SLOT_SECONDS} s' : 'Stop refreshing'
}
setInterval(async () => {
  if (isStopped || document.hidden || !getSelection().isCollapsed) return
  try {
    const answer = await fetch(location.href, { headers: { accept: 'text/html' }, signal: AbortSignal.timeout(10_000) })
    const next = new DOMParser().parseFromString(await answer.text(), 'text/html')
    const [main, details] = ['main', 'details'].map((one) => next.querySelector(one))
    details.open = document.querySelector('details').open
    const { id } = document.activeElement
    document.querySelector('main').replaceWith(main)
    if (id) document.getElementById(id)?.focus({ preventScroll: true })
    document.title = next.title
    away.hidden = true
  } catch {
    document.title = 'No answer – signing service'
    away.hidden = false
  }
}, ${SLOT_SECONDS}_000)
`
