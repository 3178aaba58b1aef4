// Pages work without this script. It confirms irreversible actions, copies commands, and keeps the page up to date.

const POLL_MS = 2000
/** Maximum number of characters of a log on the page: more would slow down the browser; the whole file is available through its link. */
const MAX_LOG_CHARACTERS = 2_000_000

document.addEventListener('submit', (event) => {
  const question = event.target.dataset?.confirm
  if (question && !window.confirm(question)) event.preventDefault()
})

document.addEventListener('click', async (event) => {
  const button = event.target.closest('button[data-copy]')
  if (!button) return
  const text = document.getElementById(button.dataset.copy)?.textContent ?? ''
  await navigator.clipboard.writeText(text.trim())
  const label = button.textContent
  button.textContent = 'Copied'
  setTimeout(() => (button.textContent = label), 1500)
})

document.addEventListener('click', (event) => {
  const log = event.target.closest('a[href^="#log-"]')?.hash
  if (log) document.querySelector(log).open = true
})

document.addEventListener('toggle', (event) => void followIfOpen(event.target), true)

function enhance(root) {
  for (const time of root.querySelectorAll('time[datetime]')) showTime(time)
  for (const button of root.querySelectorAll('button[data-copy]')) button.hidden = false
  for (const details of root.querySelectorAll('details[data-log]')) void followIfOpen(details)
}

function showTime(time) {
  const moment = new Date(time.dateTime)
  time.title = moment.toLocaleString()
  const seconds = (moment.getTime() - Date.now()) / 1000
  const format = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })
  const distance = Math.abs(seconds)
  if (distance < 45) time.textContent = seconds > 0 ? 'in a moment' : 'just now'
  else if (distance < 3600) time.textContent = format.format(Math.round(seconds / 60), 'minute')
  else if (distance < 86_400) time.textContent = format.format(Math.round(seconds / 3600), 'hour')
  else if (distance < 30 * 86_400)
    time.textContent = format.format(Math.round(seconds / 86_400), 'day')
}

/** Replaces the contents of `[data-live]` with the server's current version, until it is no longer live. */
async function keepLive() {
  for (;;) {
    const live = document.querySelector('[data-live]')
    if (!live) return
    await sleep(Number(live.dataset.live) * 1000)
    if (document.hidden) continue
    const response = await fetch(location.href, { headers: { accept: 'text/html' } }).catch(
      () => undefined,
    )
    if (!response?.ok) continue
    const page = new DOMParser().parseFromString(await response.text(), 'text/html')
    const next = page.getElementById(live.id)
    if (!next) return
    if (next.innerHTML !== live.dataset.seen) replaceLive(live, next)
    // Logs are outside the live element: add new ones, and update the others, from the page just fetched.
    for (const details of page.querySelectorAll('details[data-log]')) addLog(details)
  }
}

function replaceLive(live, next) {
  const seen = next.innerHTML
  enhance(next)
  live.replaceWith(next)
  next.dataset.seen = seen
}

/** Adds the log of a build chroot, or updates the state of a known one. */
function addLog(details) {
  const known = document.getElementById(details.id)
  if (known) {
    known.dataset.running = details.dataset.running
    known.querySelector('a').textContent = details.querySelector('a').textContent
  } else document.getElementById('logs')?.append(details)
}

const followed = new WeakSet()

/** Shows the end of a log in an open <details> element, and follows it while it grows. */
async function followIfOpen(details) {
  if (!details.dataset?.log || !details.open || followed.has(details)) return
  followed.add(details)
  const pre = details.querySelector('pre')
  const decoder = new TextDecoder()
  let offset = 0
  for (;;) {
    const isRunning = details.dataset.running === 'true'
    const part = await readLog(details.dataset.log, offset)
    if (part && part.bytes.length > 0) {
      offset = part.end
      append(pre, decoder.decode(part.bytes, { stream: true }))
    }
    if (part?.isLast || (!isRunning && !part)) {
      if (offset === 0) pre.textContent = 'No log is available.'
      return
    }
    await sleep(document.hidden ? POLL_MS : POLL_MS / 2)
    if (!details.open)
      await new Promise((opened) => details.addEventListener('toggle', opened, { once: true }))
  }
}

/** Reads the log from `offset`, or only its end if that is 0; undefined if there is no data (yet) or the request failed. */
async function readLog(url, offset) {
  const range = offset > 0 ? `bytes=${offset}-` : `bytes=-${MAX_LOG_CHARACTERS / 2}`
  const response = await fetch(url, { headers: { range } }).catch(() => undefined)
  // Finished logs are compressed, so that the range applied to the compressed bytes.
  if (response?.url.endsWith('.gz')) return await readCompressedLog(response.url, offset)
  if (!response?.ok) return undefined
  const bytes = new Uint8Array(await response.arrayBuffer())
  const last = /^bytes \d+-(\d+)\//.exec(response.headers.get('content-range') ?? '')?.[1]
  if (last !== undefined) return { bytes, end: Number(last) + 1 }
  return { bytes: bytes.subarray(offset), end: bytes.length }
}

/** Reads a compressed log, which the browser decompresses, as a stream and keeps only its end. */
async function readCompressedLog(url, offset) {
  const response = await fetch(url).catch(() => undefined)
  if (!response?.ok) return undefined
  let bytes = new Uint8Array(0)
  let end = 0
  const reader = response.body.getReader()
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    const fresh = piece.value.subarray(Math.max(0, offset - end))
    end += piece.value.length
    const kept = bytes.subarray(Math.max(0, bytes.length + fresh.length - MAX_LOG_CHARACTERS))
    bytes = new Uint8Array(kept.length + fresh.length)
    bytes.set(kept)
    bytes.set(fresh, kept.length)
  }
  return { bytes, end, isLast: true }
}

function append(pre, text) {
  const atEnd = pre.scrollTop + pre.clientHeight >= pre.scrollHeight - 40
  const kept = pre.textContent.length + text.length > MAX_LOG_CHARACTERS
  if (kept) pre.textContent = pre.textContent.slice(-MAX_LOG_CHARACTERS / 2)
  pre.append(text)
  if (atEnd) pre.scrollTop = pre.scrollHeight
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

enhance(document)
void keepLive()
