// The mutants that no test notices and that need none, with the reason; `npm run test:slow -- mutation` names others.

/** By the mutant's name: the file, its line and the change. */
export const JUDGED: Readonly<Record<string, string>> = {};
