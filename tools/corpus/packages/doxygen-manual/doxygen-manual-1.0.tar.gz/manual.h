/** @file
 * Answers. */

/** Returns the answer. */
int answer(void);
