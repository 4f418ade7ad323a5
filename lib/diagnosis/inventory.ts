// What exists of a stage on AWS, as it was read.

/** What of a stage can exist on AWS. */
type PartKind = 'table' | 'bucket' | 'log group' | 'topic' | 'policy' | 'parameter';

export interface Part {
  readonly kind: PartKind;
  /** As its service and CloudFormation call it: a name, or an ARN. */
  readonly id: string;
}

export interface Stack {
  readonly name: string;
  /** As CloudFormation says it: `UPDATE_COMPLETE`. */
  readonly status: string;
  /** Physical ids of its resources, without those that are deleted. */
  readonly resources: readonly string[];
}

export interface StageInventory {
  readonly account: string;
  readonly region: string;
  readonly stacks: readonly Stack[];
  readonly parts: readonly Part[];
  /** One line for each part of the answer that could not be had. */
  readonly unread: readonly string[];
  /** This machine's clock against AWS's; undefined when its answer bore no time. */
  readonly clock: { readonly offMs: number; readonly doubtMs: number } | undefined;
}
