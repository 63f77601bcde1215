/// What `ems train --init` writes.
enum TrainRecipe {
  static let text = """
    # A recipe of `ems train`. Paths are relative to this file's folder. Keys that are commented out have the value shown.

    output: run                     # the run folder: config.yaml, metrics.jsonl, checkpoints/, best/, final/

    tokenizer: tokenizer            # the folder that `ems tokenizer train` wrote, or a sentencepiece.model

    model:
      num_hidden_layers: 6
      hidden_size: 512              # the embedding's size
      num_attention_heads: 8
      intermediate_size: 2048
      # max_position_embeddings: 120  # tokens of the longest sentence; more are cut
      # lowercase: true
      # languages: [en, de, fr]     # those of the data if not given

    data:                           # `source TAB target`, plain or compressed; what `ems mine` wrote is taken as it is
      - path: de-en.tsv.zst
        source_language: de
        target_language: en
        # weight: 1                 # how often it is drawn; the corpora's sizes decide if not given
      - path: fr-en.tsv.zst
        source_language: fr
        target_language: en
    # sampling_exponent: 0.5        # 1 draws corpora by size, 0 all alike

    # decontaminate: [tests]        # files or folders with test sentences, which are left out of the training

    steps: 100000                   # or epochs, or minutes
    batch_pairs: 152                # the other pairs of a batch are the negatives: more is better, and slower
    # accumulation_steps: 1
    learning_rate: 3.0e-4
    warmup_steps: 10000
    # weight_decay: 1.0e-5
    # temperature: 0.1
    # xtr_weight: 1                 # reconstruction; 0 for alignment alone
    # alignment_weight: 1
    # precision: float32            # or bfloat16
    # dropout: 0.1

    # initial: models/ems-mini      # start from this model's weights
    # teacher: models/teacher       # follow another encoder's rows: needs the next line, too
    # distillation: {weight: 1}

    # validation: {pairs: 100, every: 1000, best_by: loss}
    # checkpoint_every: 1000
    # checkpoints_kept: 2
    # seed: 1

    """
}
