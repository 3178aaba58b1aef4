/** A state machine: maps each state to the states that may follow it. A state without successors is final. */
export type Transitions<State extends string> = Readonly<Record<State, readonly State[]>>

export function statesOf<State extends string>(transitions: Transitions<State>): State[] {
  return Object.keys(transitions) as State[]
}

export function isAllowed<State extends string>(
  transitions: Transitions<State>,
  from: State,
  to: State,
): boolean {
  return transitions[from].includes(to)
}

export function isFinal<State extends string>(
  transitions: Transitions<State>,
  state: State,
): boolean {
  return transitions[state].length === 0
}

/** Returns the states from which `to` can be reached, for the `where` of a compare-and-set. */
export function statesBefore<State extends string>(
  transitions: Transitions<State>,
  to: State,
): State[] {
  return statesOf(transitions).filter((from) => isAllowed(transitions, from, to))
}

/**
 * Returns the states that a caller expects before a move to `to`, by default all of `statesBefore()`. Throws if there are none, or if the
 * table does not allow one of the transitions.
 */
export function expectedBefore<State extends string>(
  transitions: Transitions<State>,
  to: State,
  expected: readonly State[] = statesBefore(transitions, to),
): State[] {
  if (expected.length === 0) throw new Error(`No transition leads to the state ${to}`)
  for (const from of expected) requireAllowed(transitions, from, to)
  return [...expected]
}

export function requireAllowed<State extends string>(
  transitions: Transitions<State>,
  from: State,
  to: State,
): void {
  if (!isAllowed(transitions, from, to))
    throw new Error(`The transition from ${from} to ${to} is not allowed`)
}
