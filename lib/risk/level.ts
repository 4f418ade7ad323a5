// The stages of the rollout and how much each may put at risk: live trading grows in steps that people sign off.

/** Most cautious first. */
export const ROLLOUT_STAGES = ['PAPER', 'HOUR_1_6', 'HOUR_6_24', 'FULL'] as const;
export type RolloutStage = (typeof ROLLOUT_STAGES)[number];

/** Upper limits of a stage; the operator's flags may lower them, never raise them. PAPER risks no money. */
export const STAGE_LIMITS: Readonly<
  Record<RolloutStage, { readonly capitalFraction: number; readonly positions: number }>
> = {
  PAPER: { capitalFraction: 1, positions: 100 },
  HOUR_1_6: { capitalFraction: 0.1, positions: 5 },
  HOUR_6_24: { capitalFraction: 0.25, positions: 10 },
  FULL: { capitalFraction: 1, positions: 100 },
};
