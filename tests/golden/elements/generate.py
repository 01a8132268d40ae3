"""Tensors of every type that is read, and the same in f32 as PyTorch widens them. Needs torch and safetensors."""
import torch
from safetensors.torch import save_file

half = torch.tensor([0.0, -0.0, 1.0, -2.5, 65504.0, 6.103515625e-05, 5.960464477539063e-08, -3.0398368835449219e-05, float("inf"), 0.333251953125],
                    dtype=torch.float16)
brain = torch.tensor([0.0, -0.0, 1.0, -2.5, 3.3895313892515355e38, 1.1754943508222875e-38, 9.183549615799121e-41, 0.333984375], dtype=torch.bfloat16)
wide = torch.tensor([0.0, -0.0, 1.0, 1.0 / 3.0, 1.0000000596046448, 1.000000178813934, 1e-45, -2.0e38], dtype=torch.float64)
save_file({"half": half.reshape(2, 5), "brain": brain, "wide": wide, "bn1.num_batches_tracked": torch.tensor(3),
           "f32/half": half.float(), "f32/brain": brain.float(), "f32/wide": wide.float()}, "elements.safetensors")
save_file({"a": torch.arange(4, dtype=torch.int32)}, "integers.safetensors")
