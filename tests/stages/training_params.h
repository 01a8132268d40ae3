/* Pieces of the parameters of stages that train, as JSON text. MODEL takes the image size in
 * pixels. */
#ifndef TESTS_STAGES_TRAINING_PARAMS_H
#define TESTS_STAGES_TRAINING_PARAMS_H

#define SCHEDULE                                                                                   \
    "\"augment\": true, \"epochs\": 2, \"learning_rate\": 0.003, "                                 \
    "\"early_stopping\": {\"patience\": 5}, "                                                      \
    "\"reduce_learning_rate\": {\"factor\": 0.5, \"patience\": 3, \"minimum\": 1e-6}"
#define BATCHES "\"batch\": 16, \"shard\": 4, \"steps_per_epoch\": null"
#define AUGMENT                                                                                    \
    "\"augment\": {\"flip\": true, \"rotation\": 0.02, \"zoom\": 0.05, \"cutout\": 0, "            \
    "\"mixup\": 0.0}"
#define MODEL(size)                                                                                \
    "\"model\": {\"architecture\": \"resnet8\", \"alpha\": 1.0, \"image_size\": " #size ", "       \
    "\"preprocess\": \"tf\", \"pixel_range\": 255, \"hidden\": 8, \"dropout\": 0.1}"
#define TRAINING "\"train\": {" BATCHES ", \"norm\": \"inference\", \"preflight\": \"stop\"}"

#endif
