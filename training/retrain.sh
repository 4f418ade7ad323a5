#!/bin/sh
# What the weekly retraining does, in the container or anywhere else: from the candles that the stage has collected to a candidate
# that runs in shadow. It ends at the first step that fails, and promotes nothing: that is a person's decision.
#
#   QT_STAGE=dev training/retrain.sh [options of `python -m training train`]
#
# From the project's root. QT_RETRAIN_DIR, a folder that is not there yet or empty, takes what is made on the way.
set -eu
stage=${QT_STAGE:?names the stage}
folder=${QT_RETRAIN_DIR:-/tmp/retraining}
qtrader() { node bin/qtrader.mjs "$@"; }

qtrader dataset fetch --stage "$stage" --out "$folder/candles"
qtrader dataset build --data "$folder/candles" --out "$folder/dataset"
python -m training train --data "$folder/dataset" --out "$folder/models" --work "$folder/trials" "$@"
qtrader models verify "$folder/models"
qtrader drift profile --data "$folder/candles" --models "$folder/models"
qtrader models publish "$folder/models" --stage "$stage"
id=$(node -p 'JSON.parse(fs.readFileSync(process.argv[1])).ensembleId' "$folder/models/ensembles/current.json")
qtrader models shadow "$id" --stage "$stage" --by retraining --reason 'weekly retraining'
