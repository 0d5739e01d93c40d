/** Renders the page as one HTML document. Nothing in it but the refreshing takes JavaScript. */
import { VERSION } from '../common/version.ts'
import { adviceOn } from './advice.ts'
import { SCRIPT, STYLE } from './browser-parts.ts'
import type { Status } from './describe-status.ts'
import type { Trouble } from './find-troubles.ts'
import { MINUTES, type Period, type RecentError, SLOT_SECONDS, SLOTS_A_MINUTE } from './history.ts'
import { Html, html } from './html.ts'
import { drawBars, drawLines } from './plot.ts'

/** Returns the document. */
export function renderPage(status: Status): string {
  const { heading } = judge(status)
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${heading} – signing service</title>
<link rel="icon" href="data:,">
<style>${new Html(STYLE)}</style>
</head>
<body>
<header><span>Signing service</span><button hidden>Stop refreshing</button></header>
<p id="away" class="verdict" role="alert" hidden>The service does not answer. What is below is from before.</p>
<main>
${renderVerdict(status)}
${renderPlots(status)}
${renderErrors(status)}
${renderSigners(status)}
${renderTokens(status)}
${renderService(status)}
</main>
<script>${new Html(SCRIPT)}</script>
</body>
</html>
`.text
}

/** Says in one line whether all is well. */
function judge({ isClosing, signing, signerCount, troubles }: Status) {
  if (isClosing) {
    return { heading: 'The service ends', className: 'bad' }
  }
  if (signing === 0) {
    return { heading: 'Nothing is signed', className: 'bad' }
  }
  if (signing < signerCount) {
    return { heading: `${signing} of ${signerCount} signers sign`, className: 'bad' }
  }
  if (troubles.length === 0) {
    return { heading: 'All is well', className: 'good' }
  }
  return troubles.some(({ isGrave }) => isGrave)
    ? { heading: 'It signs, but something is wrong', className: 'bad' }
    : { heading: 'It signs, but something needs you', className: 'fair' }
}

function renderVerdict(status: Status): Html {
  const { now, signing, signerCount, troubles, past } = status
  const { heading, className } = judge(status)
  const { signed, failed } = past.whole.counts
  const all = signing === signerCount ? 'Each signer signs. ' : ''
  const requests = failed === 0 ? 'no request' : count(failed, 'request')
  const made = `${count(signed, 'signature')} ${signed === 1 ? 'was' : 'were'} made`
  return html`<section class="verdict ${className}" aria-labelledby="verdict">
<h1 id="verdict">${heading}</h1>
<p>${all}In the last ${MINUTES} minutes ${made}, and ${requests} failed. As of ${showTime(now)}.</p>
${troubles.length > 0 ? html`<ul>${troubles.map((trouble) => renderTrouble(trouble, past.errors))}</ul>` : undefined}
</section>`
}

function renderTrouble({ what, advice, code }: Trouble, errors: readonly RecentError[]): Html {
  const name = html`<code>${code}</code>`
  // An error that kept a container from its level need not have been answered
  const isListed = errors.some((error) => error.code === code)
  const link = isListed ? html`<a href="#${code}">${name}</a>` : name
  return html`<li><p>${what}${code && html` ${link}`}</p>
<p>What to do: ${showMarkdown(advice)}</p></li>
`
}

function renderPlots({ past: { slots, minutes, whole } }: Status): Html {
  const rates = slots.map(({ counts }) => counts.signed / SLOT_SECONDS)
  const lastMinute = slots.slice(-SLOTS_A_MINUTE).reduce((sum, { counts }) => sum + counts.signed, 0)
  const rate = `${whole.counts.signed} in all, ${lastMinute} in the last minute.`
  const time =
    whole.half === undefined || whole.most === undefined
      ? 'No signature was made.'
      : `Half within ${showSeconds(whole.half)}, 19 of 20 within ${showSeconds(whole.most)}.`
  const { refused, failed, left } = whole.counts
  const clients = left === 0 ? '' : ` ${left} left by their client before they were answered.`
  const refusals = `${refused} as the caller’s fault, ${failed} for other reasons.${clients}`
  const over = `over the last ${MINUTES} minutes`
  return html`<h2>The last ${MINUTES} minutes</h2>
<div class="plots">
<figure><h3>Signatures a second</h3>
${drawBars({ label: `Signatures a second ${over}: ${rate}`, series: [{ className: 'signed', values: rates }], show: showRate })}
<figcaption>${rate}</figcaption></figure>
<figure><h3>Time of a signature</h3>
${drawLines({
  label: `Time from a request to its signature ${over}: ${time}`,
  series: [
    { className: 'half', values: slots.map(({ half }) => half) },
    { className: 'most', values: slots.map(({ most }) => most) },
  ],
  show: showSeconds,
})}
<figcaption>${time} <span class="key half" aria-hidden="true">━ half</span> <span class="key most" aria-hidden="true">••• 19 of 20</span></figcaption></figure>
<figure><h3>Refusals in ${SLOT_SECONDS} s</h3>
${drawBars({
  label: `Refusals in ${SLOT_SECONDS} seconds ${over}: ${refusals}`,
  series: [
    { className: 'failed', values: slots.map(({ counts }) => counts.failed) },
    { className: 'refused', values: slots.map(({ counts }) => counts.refused) },
  ],
  show: String,
})}
<figcaption>${refusals} <span class="key refused" aria-hidden="true">□ 4xx</span> <span class="key failed" aria-hidden="true">■ 5xx</span></figcaption></figure>
</div>
<details><summary id="figures">The same in figures, minute by minute</summary>
${renderTable(
  { id: 'minutes', label: 'Minute by minute', caption: 'The latest first' },
  ['until', '#signed', '#half within', '#19 of 20 within', '#refused (4xx)', '#failed (5xx)', '#client left'],
  minutes.map(renderMinute),
)}
</details>`
}

function renderMinute({ end, counts, half, most }: Period): Html {
  return html`<tr><th scope="row">${showTime(new Date(end)).slice(11)}</th>${[
    ...[counts.signed, half && showSeconds(half), most && showSeconds(most)],
    ...[counts.refused, counts.failed, counts.left],
  ].map(renderNumber)}</tr>
`
}

function renderErrors({ past: { errors }, now }: Status): Html {
  return errors.length === 0
    ? html`<h2>Errors since the start</h2>
<p>There were none.</p>`
    : html`<h2>Errors since the start, the latest first</h2>
<ul class="errors">
${errors.map((error) => renderError(error, now))}</ul>`
}

function renderError({ code, statusCode, recent, all, lastAt, requestId }: RecentError, now: Date): Html {
  return html`<li id="${code}"><h3><code>${code}</code> <span class="soft">${statusCode}</span></h3>
<p>${recent} in the last ${MINUTES} minutes, ${all} since the start. The last one ${showAge(now.getTime() - lastAt)} ago, at ${showTime(new Date(lastAt))}, with requestId <code>${requestId}</code>.</p>
<p>What to do: ${showMarkdown(adviceOn(code))}</p></li>
`
}

function renderSigners({ signers, signerCount, now }: Status): Html {
  const rest = signerCount - signers.length
  const caption = 'The most urgent first'
  return html`<h2>${signerCount === 1 ? 'Signer' : `${signerCount} signers`}</h2>
${renderTable(
  { id: 'signers', label: 'Signers', caption },
  ['signer', 'state', '#days left', 'level', 'key', 'token', 'certificate'],
  signers.map((signer) => renderSigner(signer, now)),
)}
${rest > 0 ? html`<p>${rest} more are not shown: <code>/health/ready</code> and <code>/metrics</code> have each.</p>` : undefined}`
}

function renderSigner(signer: Status['signers'][number], now: Date): Html {
  const { name, daysLeft, level, algorithm, token, subject, issuer } = signer
  const certificate =
    subject === undefined
      ? 'not known yet'
      : html`${subject}<br><span class="soft">issued by ${issuer}</span>`
  return html`<tr><th scope="row">${name}</th>${renderState(signer, now)}${renderNumber(daysLeft)}<td>${level}</td><td>${algorithm ?? '–'}</td><td>${token}</td><td class="wide">${certificate}</td></tr>
`
}

interface State {
  readonly state: string
  readonly since: Date
  readonly reason?: string
}

function renderState({ state, since, reason }: State, now: Date): Html {
  const age = `for ${showAge(now.getTime() - since.getTime())}`
  return state === 'ready'
    ? html`<td class="state">ready<br><span class="soft">${age}</span></td>`
    : html`<td class="state"><strong>${state}</strong><br>${age}${reason && `: ${reason}`}</td>`
}

function renderTokens({ tokens, tokenCount, queueLimit, now }: Status): Html {
  const rest = tokenCount - tokens.length
  const rows = tokens.map(({ token, sessions, queued, ...state }) => {
    const numbers = [sessions.idle, sessions.busy, sessions.opening, sessions.zombie, queued]
    return html`<tr><th scope="row">${token}</th>${renderState(state, now)}${numbers.map(renderNumber)}</tr>
`
  })
  return html`<h2>HSM</h2>
${renderTable(
  { id: 'tokens', label: 'Tokens of the HSM', caption: 'Sessions by what they do, and requests that wait' },
  ['token', 'state', '#idle', '#busy', '#opening', '#hanging', `#waiting, of ${queueLimit}`],
  rows,
)}
${rest > 0 ? html`<p>${rest} more are not shown: <code>/metrics</code> has each.</p>` : undefined}`
}

function renderService({ access, hasAuditLog, configurationSince, now }: Status): Html {
  const age = showAge(now.getTime() - configurationSince.getTime())
  const facts = [
    ['version', VERSION],
    ['running for', showAge(process.uptime() * 1_000)],
    ['signers taken over', `${age} ago, at ${showTime(configurationSince)}`],
    ['access', access],
    ['audit log', hasAuditLog ? 'on' : 'off'],
  ]
  return html`<h2>Service</h2>
<dl>${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`
}

interface TableText {
  readonly id: string
  /** Names the region, which can be scrolled with the keyboard. */
  readonly label: string
  readonly caption: string
}

/** @param headings of columns; # stands before those of numbers */
function renderTable(
  { id, label, caption }: TableText,
  headings: readonly string[],
  rows: readonly Html[],
): Html {
  const cells = headings.map((heading) =>
    heading.startsWith('#')
      ? html`<th scope="col" class="number">${heading.slice(1)}</th>`
      : html`<th scope="col">${heading}</th>`,
  )
  return html`<div class="scroll" id="${id}" tabindex="0" role="region" aria-label="${label}"><table><caption>${caption}</caption>
<thead><tr>${cells}</tr></thead>
<tbody>
${rows}</tbody></table></div>`
}

function renderNumber(value: number | string | undefined): Html {
  return html`<td class="number">${value ?? '–'}</td>`
}

/** Renders code, of links the text and the page, as the pages of the documentation are not served, and a full stop. */
function showMarkdown(text: string): Html[] {
  const sentence = text.endsWith('?') ? text : `${text}.`
  const plain = sentence.replace(/\[([^\]]*)\]\(([^)#]*)[^)]*\)/g, '$1 (`docs/$2`)')
  return plain.split('`').map((part, place) => (place % 2 === 0 ? html`${part}` : html`<code>${part}</code>`))
}

/** Returns a time in UTC, for example `2026-03-01 07:00:01 UTC`. */
function showTime(time: Date): string {
  return `${time.toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

/** Returns an age in its two largest units, for example `3 h 5 min`. */
function showAge(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000))
  const [days, hours, minutes] = [86_400, 3_600, 60].map((unit) => Math.floor(seconds / unit))
  if (days) {
    return `${days} d ${Number(hours) % 24} h`
  }
  if (hours) {
    return `${hours} h ${Number(minutes) % 60} min`
  }
  return minutes ? `${minutes} min` : `${seconds} s`
}

function showSeconds(seconds: number): string {
  return seconds < 1 ? `${Number((seconds * 1_000).toPrecision(2))} ms` : `${seconds.toPrecision(2)} s`
}

function showRate(rate: number): string {
  return `${rate >= 10 ? rate.toFixed(0) : rate.toPrecision(2)} / s`
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
