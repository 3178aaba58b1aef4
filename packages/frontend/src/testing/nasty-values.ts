/** Text that would run as a script if a page contained it unescaped. */
export const MARKER = '<script>copr()</script>'

/** JSON values that no field expects. The keys name them in the test report. */
export const NASTY_VALUES: Record<string, unknown> = {
  'an empty string': '',
  spaces: '   ',
  'a number': 42,
  'a negative number': -1,
  'a fraction': 0.5,
  'a number beyond 2^63': 9.3e18,
  'digits beyond 2^63': '9300000000000000000000',
  true: true,
  'an empty list': [],
  'a list of lists': [[['a']]],
  'a list of objects': [{ a: 1 }],
  'an empty object': {},
  'an object with a prototype': { __proto__: { is_admin: true }, constructor: 'x' },
  'a deep object': deep(200),
  'a megabyte': 'a'.repeat(1024 * 1024),
  'a megabyte of words': 'a '.repeat(512 * 1024),
  'a megabyte of wildcards': '*a'.repeat(512 * 1024),
  'a megabyte of brackets': '['.repeat(1024 * 1024),
  NUL: 'a\0b',
  'control characters': 'a\u0001\u001b[31m\r\nX: y',
  'right to left': '\u202Egnp.exe',
  'half a surrogate pair': '\ud800',
  'an option': '--help',
  'a path': '../../../etc/passwd',
  'an absolute path': '/etc/passwd',
  'a path part': '..',
  SQL: "' or 1=1; drop table build; --",
  'a LIKE pattern': '%_\\',
  HTML: MARKER,
  'HTML in an attribute': `" autofocus onfocus="copr()`,
  'a script as a URL': 'javascript:copr()',
  'a URL with markup': `https://example.org/${MARKER}.src.rpm`,
  'a macro': '%{lua:os.exit()}',
  'a template': '${7*7}{{7*7}}',
  unicode: 'ǅßﬀ👩‍🚀',
}

/** The subset of the values that are strings, because a form can contain only strings. */
export const NASTY_TEXTS = Object.entries(NASTY_VALUES).flatMap(([name, value]) =>
  // A lone surrogate cannot be encoded in UTF-8.
  typeof value === 'string' && value.isWellFormed() ? [[name, value] as const] : [],
)

/** The kinds of values that have a megabyte or more. Forms of that size are refused before any field is read. */
export const BEYOND_FORM_LIMIT = new Set(
  Object.keys(NASTY_VALUES).filter((name) => name.startsWith('a megabyte')),
)

/** The texts that are short enough for a path or a query. */
export const NASTY_STRINGS = NASTY_TEXTS.filter(([, value]) => value.length < 1000)

function deep(levels: number): unknown {
  let value: unknown = 1
  for (let i = 0; i < levels; i++) value = { a: value }
  return value
}
