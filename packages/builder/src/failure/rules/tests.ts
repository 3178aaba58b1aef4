import { likely, sure, weak } from '../rule.ts'

const CHECK = ['%check', '%build', '%install']

/** Rules for messages of test frameworks. */
export const TESTS = [
  ...sure(
    // A missing module explains all test failures.
    {
      pattern: /^(?:E {3,20})(?:ModuleNotFoundError|ImportError): No module named '([\w.]+)'/,
      category: 'dependency',
      hint: 'Add the Python module $1 to BuildRequires: python3dist($1).',
    },
    // pytest
    {
      pattern:
        /^[^\s:]{1,300}::.{1,400} (?:FAILED|ERROR)\b|^(?:FAILED|ERROR) \S{1,200}(?:\.py|::)|^E {3,20}(?:\w[\w.]{0,100}(?:Error|Exception|Warning|Failed|Exit)\b|assert |fixture|AssertionError)|^(?:ERROR: usage: |pytest: error: |ERROR: file or directory not found|ERROR: not found: |INTERNALERROR>)|^\[gw\d+\] \[ *\d+%\] (?:FAILED|ERROR)/,
      category: 'test',
      only: CHECK,
      below: [
        {
          pattern: /^(?:E {3,20})?ModuleNotFoundError: No module named '([\w.]+)'/,
          category: 'dependency',
          hint: 'Add the Python module $1 to BuildRequires: python3dist($1).',
        },
      ],
    },
    {
      pattern:
        /^(?:ERROR|FAIL): \w{1,200} ?(?:\(|\[)|^(?:ERROR|FAIL): (?:test|unittest)|^\w{1,200} \(\S{1,300}\) ?(?:.{0,100})\.{3} (?:ERROR|FAIL)$|\.{3} (?:ERROR|FAIL)$/,
      category: 'test',
      only: CHECK,
      below: [
        {
          pattern: /^(?:ModuleNotFoundError|ImportError): No module named '([\w.]+)'/,
          category: 'dependency',
          hint: 'Add the Python module $1 to BuildRequires: python3dist($1).',
        },
      ],
    },
    {
      pattern:
        /^ERROR: InvocationError|^\s*ERROR: {3}py\w*:|^Ran 0 tests in|^NO TESTS RAN|^no tests ran/,
      category: 'test',
      only: ['%check'],
    },
    {
      pattern: /^AttributeError: module '\S+' has no attribute 'test_suite'/,
      category: 'test',
      only: ['%check'],
    },
    // automake, dejagnu
    {
      pattern: /^(?:ERROR: \S{1,200}(?: - .{1,200})?$|XPASS: \S|UNRESOLVED: \S)/,
      category: 'test',
      only: ['%check'],
      strict: true,
    },
    { pattern: /^FAIL: \S/, category: 'test', only: CHECK },
    { pattern: /^# (?:FAIL|ERROR): {1,4}[1-9]/, category: 'test', only: CHECK },
    // autotest
    {
      pattern:
        /^ {0,4}\d{1,5}[:.] .{1,300}\bFAILED \(\S{1,100}:\d{1,6}\)|^#{2} Summary of the failures\. #{2}|^ERROR: (?:\d+ of )?\d+ tests? (?:were|was) run,/,
      category: 'test',
      only: CHECK,
    },
    // TAP: prove, Test::More, automake, meson, node
    { pattern: /^\s{0,40}not ok\b(?!.*# ?(?:TODO|SKIP|todo|skip))/, category: 'test', only: CHECK },
    {
      pattern:
        /^# {2,8}Failed (?:test|\(TODO\) test)?(?! \(TODO\))|^\S{1,200} ?\.{2,100} (?:Failed \d|Dubious|No subtests|FAILED)|^Failed \d+\/\d+ (?:subtests|test programs)|^\s{0,8}Dubious, test returned|^Result: (?:FAIL|NOTESTS)|^Bailout called|^Bail out!/,
      category: 'test',
      only: CHECK,
    },
    { pattern: /^Test Summary Report/, category: 'test', only: CHECK },
    // ctest
    {
      pattern:
        /^ {0,8}\d{1,6}\/\d{1,6} Test {1,4}#\d{1,6}: .{1,300}(?:\*{3}(?:Failed|Exception|Timeout|Not Run|Skipped)|\*{3}\w)/,
      category: 'test',
      only: CHECK,
    },
    {
      pattern:
        /^The following tests FAILED:|^\d+% tests passed, [1-9]\d* tests? failed|^No tests were found!!!|^Errors while running CTest/,
      category: 'test',
      only: CHECK,
    },
    // meson test
    {
      pattern: /^ {0,8}\d{1,6}\/\d{1,6} .{1,300} (?:FAIL|ERROR|TIMEOUT|UNEXPECTEDPASS|INTERRUPT)\b/,
      category: 'test',
      only: CHECK,
    },
    {
      pattern: /^Summary of Failures:|^(?:Fail|Timeout|Unexpected Pass): {1,20}[1-9]/,
      category: 'test',
      only: CHECK,
    },
    // gtest, Catch2, Boost.Test, Qt Test, CppUnit, check, cmocka, glib
    {
      pattern: /^(?:\d+: )?\[ {2}FAILED {2}\] |^\S{1,300}:\d+: Failure$/,
      category: 'test',
      only: CHECK,
    },
    {
      pattern:
        /^\S{1,300}:\d+: FAILED:|^(?:test cases|assertions): .{1,80}[1-9]\d* failed|^\*{3} [1-9]\d* failures? (?:(?:is|are) )?detected|^\S{1,200}\(\d+\): (?:fatal )?error:? in "|^\S{1,200}(?:\(\d+\)|:\d+): ERROR: .{0,200}NOT correct!|^\[doctest\] .{0,100}[1-9]\d{0,8} failed|^\[ {1,10}[1-9]\d{0,8} (?:tests|containers) failed {1,10}\]|^\d+\) test: \S{1,200} \([FE]\)|^(?:FAIL!|XPASS) {1,3}: |^!!!FAILURES!!!|^\S{1,200}:\d+:[FE]:|^\[ {2}ERROR {3}\]|^(?:not ok|Bail out|\*{2} ERROR:|ERROR:\S{1,200}:\d+:\w)/,
      category: 'test',
      only: CHECK,
    },
    // cargo, go
    {
      pattern: /^test .{1,300} \.{3} FAILED|^test result: FAILED|^---- .{1,200} stdout ----$/,
      category: 'test',
      only: CHECK,
    },
    {
      pattern:
        /^\s{0,20}--- FAIL: |^FAIL\t\S|^panic: |^\s{4}\S{1,100}_test\.go:\d+: |^FAIL$|\[(?:build|setup) failed\]/,
      category: 'test',
      only: CHECK,
    },
    // Java
    {
      pattern:
        /^\[ERROR\] (?:Tests run: |Failures: |Errors: |There (?:are|were) test failures)|Tests run: \d+, {1,2}(?:Failures: [1-9]|Failures: \d+, {1,2}Errors: [1-9])|<<< (?:FAILURE|ERROR)!|^\[ERROR\] {1,4}\S{1,200}:\d+ |^\s{0,20}\[junit\] Test \S+ FAILED|^\S{1,200} > \S{1,200}.{0,100} FAILED$/,
      category: 'test',
      only: CHECK,
    },
    // JavaScript, Ruby, PHP, Lua, Haskell, OCaml, Elixir, Erlang, R, Tcl
    {
      pattern:
        /^\s{0,20}\d+ failing$|^ ?FAIL {1,2}\S|^\s{0,8}● |^\s{0,20}[✖✗×✘] |^# fail [1-9]|^Test(?: Suite)?s: {1,10}.{0,40}[1-9]\d* failed/,
      category: 'test',
      only: ['%check'],
    },
    {
      pattern:
        /^Failures:$|^There (?:was|were) [1-9]\d{0,6} (?:failure|error)s?:|^rspec \.\/|^\d+ (?:examples|runs|tests), .{0,80}(?:[1-9]\d* (?:failures|errors))|^ {0,4}\d+\) (?:Failure|Error):?|^(?:Failure|Error): ?\S{0,200}\(|^FAILURES!$|^FAILED TEST SUMMARY|^FAIL .{1,200} \[\S{1,200}\.phpt\]|^Tests: \d+, .{0,80}(?:Failures|Errors): [1-9]/,
      category: 'test',
      only: CHECK,
    },
    {
      pattern:
        /^Test suite \S+: FAIL|^ {0,20}✗ |\b\d{1,9} (?:successes|tests?) \/ [1-9]\d* failures?|^==== \S{1,200} .{0,200} FAILED$|^\S{1,200}: .{0,80}\*failed\*|^(?:Running|Error: ) ?.{0,100}\.R['’]? failed|^ERROR$|^Error: Test failures$|^── (?:Failure|Error) \(|^\[ FAIL [1-9]/,
      category: 'test',
      only: ['%check'],
    },
    {
      pattern:
        /^(?:Error|Failure) Details$|^\[\s?(?:failed|FAILED)\s?\] |^\s{0,8}(?:\S{1,100} )?\.{2,80} ?(?:FAILED|FAIL|failed|BAD)$|^\S{1,200} {1,40}(?:FAILED|FAIL)$|^FAILED\b:? ?(?!0)\S|^Some tests failed|^Test failed|^TEST FAILED|: test failed$/,
      category: 'test',
      only: ['%check'],
      strict: true,
    },
    {
      pattern: /^\S{1,200}(?: \S{1,80}){0,3}: (?:FAILED|FAIL|failed|not ok)$/,
      category: 'test',
      only: ['%check'],
      strict: true,
    },
    {
      pattern:
        /^(?:appstream-util|appstreamcli|desktop-file-validate)|^\S{1,200}\.(?:desktop|appdata\.xml|metainfo\.xml): (?:FAILED|error)|^[✘E]: \S+:|^Validation failed: /,
      category: 'test',
      only: ['%check'],
      strict: true,
    },
    {
      pattern: /: Assertion [`'].{1,300}failed|^Assertion failed/,
      category: 'test',
      only: ['%check'],
      strict: true,
    },
  ),
  ...likely(
    {
      pattern:
        /^_{3,60} ERROR (?:collecting|at (?:setup|teardown)).{0,200} _{3,60}$|^=+ (?:FAILURES|ERRORS) =+$/,
      category: 'test',
      only: CHECK,
    },
    { pattern: /^E {3,20}\S/, category: 'test', only: CHECK },
    {
      pattern:
        /^thread '.{1,100}' (?:\(\d+\) )?panicked at|^\s{0,20}\d{1,6}\) \S|^(?:Failed|FAILURE)\b/,
      category: 'test',
      only: ['%check'],
      strict: true,
    },
  ),
  ...weak({
    pattern: /\b(?:FAIL|FAILED|failed)\b/,
    category: 'test',
    only: ['%check'],
    strict: true,
  }),
]
