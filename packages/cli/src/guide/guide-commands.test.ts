import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Command } from 'commander'
import { commandTable } from '../coprctl.ts'
import { argumentsOf, commandsIn, type Guide, type GuideCommand } from './guide-commands.ts'
import { RUN_ELSEWHERE, STEPS } from './guide-steps.ts'

const ROOT = new URL('../../../../', import.meta.url)
const textOf = (file: string): string => readFileSync(new URL(file, ROOT), 'utf8')
const NOUNS = new Set(table('').commands.map((command) => command.name()))
const ADMINISTRATION = readdirSync(new URL('docs/administration/', ROOT))
const FILES = [
  'README.md',
  'docs/troubleshooting.md',
  ...ADMINISTRATION.map((name) => `docs/administration/${name}`),
]
const GUIDES = FILES.map((file): Guide => commandsIn(textOf(file), file, NOUNS))
const TYPED = GUIDES.flatMap(({ typed }) => typed)
const ROWS = GUIDES.flatMap(({ rows }) => rows)
const TARGETS = new Set([...textOf('Makefile').matchAll(/^([a-z-]+):/gm)].map(([, name]) => name))

/** Commands that this test does not parse, each with the reason. */
const OTHERS: [pattern: RegExp, why: string][] = [
  [
    /^python3 -m venv .* && \. /,
    'a shell of the user; make test-clients makes the same environment',
  ],
  [/^apt-get autoremove /, 'removes packages of the machine that runs the tests'],
  [/^cd \.\. && rm -rf /, 'removes the checkout that the tests are in'],
  [/^pip install copr-cli$/, 'make test-clients installs copr-cli so'],
  [
    /^copr-cli .*(create|build|request-|edit-|regenerate-)/,
    'make test-clients runs all of copr-cli',
  ],
  [/^cp vars\.yml\.template vars\.yml$/, 'configuration.test.ts reads the template itself'],
  [
    /^images\/build --push REGISTRY/,
    'pushes to a registry; make images and make test-images run it without',
  ],
  [/^grep -h /, 'a way to read logs; log-fields.test.ts has the fields'],
  [
    /^oc (get|describe|delete) (secret|groups|serviceaccount)/,
    'a command of OpenShift, about objects that golden files have',
  ],
  [
    /^(oc|kubectl) .*(exec|logs|cp|create job|scale|wait) /,
    'a command of the cluster; what runs in the pod is parsed here',
  ],
  [/^(oc login|kubectl (-n|get|logs)\b)/, 'a command of the cluster'],
  [/^curl -?s? ?http:/, 'a way to look at the site'],
  [/^dnf clean expire-cache$/, 'a command of the machine that installs packages'],
]

function table(out: string): Command & { said?: string } {
  const write = (text: string): unknown => (out += text)
  return commandTable({
    env: {},
    stdin: (async function* () {})(),
    stdout: { write },
    stderr: { write },
  })
}

/** Parses a command line as coprctl does, without running it; throws if coprctl would refuse it. */
async function parse(args: string[]): Promise<void> {
  const program = table('')
  const idle = (command: Command): void => {
    if (command.commands.length === 0) command.action(() => undefined)
    command.commands.forEach(idle)
  }
  idle(program)
  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    const { code = '', message } = error as Error & { code?: string }
    if (!['commander.helpDisplayed', 'commander.version'].includes(code)) throw new Error(message)
  }
}

async function check({ text }: GuideCommand): Promise<void> {
  const [, ours] = /(?:^|.* -- )(?:npx )?coprctl (.*)$/.exec(text) ?? []
  if (ours !== undefined) return await parse(argumentsOf(ours))
  const [, target, args] = /^make ([-a-z]+)(?: ARGS="(.*)")?/.exec(text) ?? []
  if (target === undefined) {
    const known = OTHERS.some(([pattern]) => pattern.test(text))
    assert.ok(known, 'neither coprctl nor make, and not in the list with a reason')
    return
  }
  assert.ok(TARGETS.has(target), `make has no target ${target}`)
  if (['up', 'deploy'].includes(target) && args && args !== '...')
    await parse([target, ...argumentsOf(args)])
}

test('the docs contain commands to check', () => {
  assert.ok(TYPED.length > 15 && ROWS.length > 25, `${TYPED.length}, ${ROWS.length}`)
})

for (const command of TYPED)
  test(`${command.at}: ${command.text}`, async () => await check(command))

for (const { commands, options } of ROWS)
  test(`${commands[0]?.at}: ${commands.map(({ text }) => text).join(', ')}`, async () => {
    for (const { text } of commands) await parse(argumentsOf(text))
    const known = commands.flatMap(({ text }) => optionsOf(text))
    assert.deepEqual(
      options.filter((option) => !known.includes(option)),
      [],
    )
  })

test('README lists exactly the options of `coprctl up` as the options of `make up`', () => {
  const listed = [...textOf('README.md').matchAll(/^\| `(--[-a-z]+)/gm)].map(([, name]) => name)
  const own = optionsOf('up').filter((name) => name !== '--help')
  assert.deepEqual(new Set(listed), new Set(own))
})

function optionsOf(text: string): string[] {
  let command: Command = table('')
  for (const word of argumentsOf(text))
    command = command.commands.find((each) => each.name() === word) ?? command
  return command.options.flatMap(({ long }) => long ?? [])
}

test('every command in the tables is run by a test or listed as an exception', () => {
  const names = ROWS.flatMap(({ commands }) => commands.map(({ text }) => nameOf(text)))
  const run = new Set(STEPS.map(({ args }) => nameOf(args.join(' '))))
  const missing = names.filter((name) => !run.has(name) && !(name in RUN_ELSEWHERE))
  assert.deepEqual([...new Set(missing)], [])
  const stale = [...run, ...Object.keys(RUN_ELSEWHERE)].filter((name) => !names.includes(name))
  assert.deepEqual(stale, [], 'not in the guide')
})

/** Returns the name of a command: `user add` for `user add NAME [--admin]`. */
function nameOf(text: string): string {
  const [noun = '', verb = ''] = text.split(' ')
  const hasVerbs =
    (table('').commands.find((each) => each.name() === noun)?.commands.length ?? 0) > 0
  return hasVerbs ? `${noun} ${verb}` : noun
}

test('check() rejects unknown commands, options, targets and programs', async () => {
  for (const text of ['coprctl user ad NAME', 'npx coprctl user add', 'coprctl deploy --quickly'])
    await assert.rejects(check({ text, at: '' }), text)
  await assert.rejects(check({ text: 'make everything', at: '' }), /no target everything/)
  await assert.rejects(check({ text: 'wget x', at: '' }), /not in the list/)
})
